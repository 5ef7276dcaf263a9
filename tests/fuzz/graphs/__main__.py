"""A program by its seeds: python -m fuzz.graphs SEED ..., shrunk where something is wrong."""

from __future__ import annotations

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
    smallest = shrunk(program, lambda one: judged([one])[0].fault is not None)
    print(f"{smallest}\n{judged([smallest])[0].fault}")
    sys.exit(1)


if __name__ == "__main__":
    main()
