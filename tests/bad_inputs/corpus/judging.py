"""What every host made of a case in, what is wrong with that out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .case import Case

CODED = re.compile(r"WTW\d{3}")
BUG = "WTW901"  # what we call a fault of ours
Outcome = dict[str, Any]
HOSTS = ("python", "node", "chromium")


def findings(case: Case, found: dict[str, Outcome], valid: str) -> Iterator[str]:
    """`valid` is what the package gives as it was built."""
    for host, outcome in found.items():
        for step, said in outcome.items():
            if not _is_coded(step, said):
                yield f"{case.name}: {host} {step}: {said}"
    ends = {host: _end(outcome) for host, outcome in found.items()}
    if ends["python"] != "ok" and found["node"]["load"] == "ok":  # golden data waits for its test
        ends |= {host: str(found[host].get("selfTest")) for host in ("node", "chromium")}
    if len(set(ends.values())) > 1:
        yield f"{case.name}: {ends}"
    python = found["python"]
    for step in ("manifest", "serve"):
        if python.get(step, "ok") not in ("ok", python["load"]):
            yield f"{case.name}: {step} says {python[step]}, load {python['load']}"
    runs = {host: str(outcome.get("run")) for host, outcome in found.items()}
    if "run" in python and "run" in found["node"] and len(set(runs.values())) > 1:
        yield f"{case.name}: {runs}"
    if case.same and ends["python"] == "ok" and runs["python"] != valid:
        yield f"{case.name}: other outputs, {runs}"
    if found["node"].get("selfTest") != found["chromium"].get("selfTest"):
        yield f"{case.name}: self-tests differ"


def _end(outcome: Outcome) -> str:
    """A folder without model.json is no package; of an address nobody can say that."""
    return str(outcome["load"]).replace("WTW301", "WTW303")


def _is_coded(step: str, said: Any) -> bool:
    if step == "milliseconds":
        return True
    if step == "polluted":
        return said is False
    if isinstance(said, bool) or said == "ok" or re.fullmatch("[0-9a-f]{16}", said):
        return True
    return CODED.fullmatch(said) is not None and said != BUG
