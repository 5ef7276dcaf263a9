"""A program by its seeds: python -m fuzz.graphs SEED ..., shrunk where something is wrong."""

from __future__ import annotations

import re
import sys

from fuzz.graphs import quiet
from fuzz.graphs.drawing import draw
from fuzz.graphs.judging import judged
from fuzz.graphs.program import joined
from fuzz.graphs.shrinking import shrunk


def main() -> None:
    quiet()
    program = joined([draw(int(seed)) for seed in sys.argv[1:]])
    (verdict,) = judged([program])
    print(program)
    if verdict.fault is None:
        print(verdict.refusal or "nothing is wrong")
        return
    print(f"{verdict.fault}\n\nshrunk:", flush=True)
    kind = _kind(verdict.fault)
    smallest = shrunk(program, lambda one: _kind(judged([one])[0].fault) == kind)
    print(f"{smallest}\n{judged([smallest])[0].fault}")
    sys.exit(1)


def _kind(fault: str | None) -> str | None:
    """What is wrong, without where and by how much."""
    return fault and re.sub(r"[-+.e]*\d[-+.e\d]*|run|at \{.*?\}", "", fault)[:60]


if __name__ == "__main__":
    main()
