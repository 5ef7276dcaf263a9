"""Random programs from a seed on, some at a time: how many, what they covered, what was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fuzz.graphs.drawing import draw
from fuzz.graphs.judging import Verdict, judged, plan_seed
from fuzz.graphs.program import joined

TOGETHER = 6  # in one: what is built costs more for a program than for a call


def examine(seeds: Sequence[int]) -> tuple[list[Verdict], dict[str, str]]:
    """The verdicts, and what is wrong, by the seeds that `python -m fuzz.graphs` wants.

    Programs are built several in one; those of one with a fault once more, one by one.
    """
    programs = {seed: draw(seed) for seed in seeds}
    static = [seed for seed in seeds if not programs[seed].symbols]
    dynamic = [seed for seed in seeds if programs[seed].symbols]
    groups = [group for kind in (static, dynamic) for group in _groups(kind)]
    verdicts = judged([joined([programs[seed] for seed in group]) for group in groups])
    again = [
        seed
        for group, verdict in zip(groups, verdicts, strict=True)
        if len(group) > 1 and (verdict.fault or verdict.refusal)
        for seed in group
    ]
    alone = dict(zip(again, judged([programs[seed] for seed in again]), strict=True))
    found = {str(seed): one.fault for seed, one in alone.items() if one.fault}
    for group, verdict in zip(groups, verdicts, strict=True):
        if verdict.fault and not any(str(seed) in found for seed in group):
            found[" ".join(map(str, group))] = verdict.fault
    return [*verdicts, *alone.values()], found


def write_plans(folder: Path, seeds: Sequence[int]) -> None:
    """Their plans as seeds of the fuzzer in C++: sizes of the inputs, then the plan."""
    for seed in seeds:
        content = plan_seed(draw(seed))
        if content is not None:
            (folder / f"program-{seed}").write_bytes(content)


def _groups(seeds: Sequence[int]) -> list[Sequence[int]]:
    return [seeds[at : at + TOGETHER] for at in range(0, len(seeds), TOGETHER)]
