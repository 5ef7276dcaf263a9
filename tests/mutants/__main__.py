"""python -m mutants [--share S] [--seed N] [--jobs N] [--of PART] [--again] [GROUP ...]"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from importlib import import_module

from mutants.mutation import ROOT, Mutant, mutants
from mutants.report import Judged, keep, kept, killed, reasons, table
from mutants.running import SURVIVED, Group, judged

FOLDER = ROOT / "build" / "mutants"
LEAST = 0.9  # of each group
# Imported where they run, each in a process of its own: one must not have what another needs.
GROUPS = {
    "checker": "mutants.cpp",
    "python": "mutants.python",
    "typescript": "mutants.typescript",
    "sources": "mutants.python",
}


def main() -> None:
    options = argparse.ArgumentParser(prog="mutants")
    options.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="GROUP")
    options.add_argument("--share", type=float, default=0.2, help="of each file's mutants; 1: all")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    options.add_argument("--of", default="", help="only files whose paths have that in them")
    options.add_argument("--again", action="store_true", help="only those that survived last time")
    given = options.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = given.groups or list(GROUPS)
    failed = 0
    for name in names:
        child = os.fork()
        if not child:
            _run(name, given)
            sys.stdout.flush()
            os._exit(0)
        failed |= os.waitpid(child, 0)[1]
    found = {name: kept(FOLDER / f"{name}.json") for name in names}
    print(table(found))
    print(reasons([one for ones in found.values() for one in ones]))
    sys.exit(bool(failed) or any(killed(ones) < LEAST for ones in found.values()))


def _run(name: str, given: argparse.Namespace) -> None:
    group: Group = import_module(GROUPS[name]).GROUPS[name]
    path = FOLDER / f"{name}.json"
    before = kept(path) if given.again else []
    survivors = [one.mutant for one in before if one.outcome == SURVIVED]
    wanted = survivors if given.again else _sample(group, given)
    work = FOLDER / f"{name}.work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    found = {one.mutant: one for one in before}
    for mutant, outcome in judged(group, wanted, work, given.jobs):
        found[mutant] = Judged(mutant, outcome)
        if found[mutant].is_open:
            print(f"survived: {mutant}", flush=True)
        keep(path, [*found.values()])
    shutil.rmtree(work)


def _sample(group: Group, given: argparse.Namespace) -> list[Mutant]:
    chosen = []
    for path in group.files:
        if given.of in path:
            every = list(mutants(path))
            count = round(len(every) * given.share)
            chosen += random.Random(f"{given.seed} {path}").sample(every, count)
    return chosen


if __name__ == "__main__":
    main()
