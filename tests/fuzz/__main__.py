"""All fuzzers, one after the other: python -m fuzz [--minutes N] [--seed N] [NAME ...]

`--again NAME SEED` runs one round of a fuzzer in Python once more and shows what it raises.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from fuzz.campaign import FUZZERS, ROOT, ROUND, RUNS, Outcome, fresh, run
from fuzz.harness import explore

NAMES = [*RUNS, *FUZZERS]
FOLDER = ROOT / "build" / "fuzz"


def main() -> None:
    options = argparse.ArgumentParser(prog="fuzz")
    options.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME")
    options.add_argument("--minutes", type=float, default=1.0, help="for each of them")
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--again", nargs=2, metavar=("NAME", "SEED"))
    given = options.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if given.again:
        return _again(*given.again)
    print(f"seed {given.seed}; findings are written to {FOLDER}", flush=True)
    outcomes = []
    for name in given.names or NAMES:
        outcomes.append(run(name, FOLDER, 60 * given.minutes, given.seed))
        print(_line(outcomes[-1]), flush=True)
    print(table(outcomes))
    sys.exit(any(one.findings for one in outcomes))


def _again(name: str, seed: str) -> None:
    with FUZZERS[name].open(fresh(FOLDER / f"{name}.again")) as (examples, check):
        explore(examples, check, int(seed), ROUND)


def table(outcomes: Sequence[Outcome]) -> str:
    """In Markdown."""
    head = (
        "| fuzzer | executions | a second | covered | findings |\n| --- | --- | --- | --- | --- |"
    )
    return "\n".join([head, *map(_line, outcomes)])


def _line(one: Outcome) -> str:
    rate = one.executions / max(one.seconds, 1e-9)
    speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
    cells = [one.name, f"{one.executions:,}", speed, one.coverage, str(len(one.findings))]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
