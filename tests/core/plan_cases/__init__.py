"""One damaged field a case, and the check of csrc/core/plan_*.cc that must refuse it."""

from plan_cases import control, decisions, header, nodes, programs, records
from plan_cases.case import Case

CASES: list[Case] = [
    *(case for part in (header, records, nodes, programs) for case in part.SUITE.cases),
    *decisions.CASES,
    *control.CASES,
]
