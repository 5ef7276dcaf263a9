"""Cases in, the findings of all hosts out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import hosts
from playwright.sync_api import Browser

from . import files, judging, manifests, packages, plans
from .case import Case

NODE_SECONDS = 0.5  # of a case, at most, on the average
STEP = 41  # words
# A run of a hostile plan takes too long or too much, here with limits: it is not for pages.
LIMITED = ("WTW520", "WTW406")


def cases_of(built: dict[str, Path], every: bool) -> Iterator[Case]:
    """Every place of every manifest, every word of every plan; or, as every test run has it, a
    place of each kind once and some of the words."""
    seen: set[str] = set()
    for package in built.values():
        yield Case(f"{package.name} as it was built", package, {})
        for case in manifests.cases(package, every):
            what = case.name.partition(" ")[2]
            if every or what not in seen:
                seen.add(what)
                yield case
        yield from plans.cases(package, 1 if every else STEP)
    first, *others = built.values()
    yield from manifests.files(first)
    for package in built.values() if every else [built["large"], built["half"]]:
        yield from files.cases(package, others if every else [built["image"], first])


def findings(
    cases: Iterable[Case],
    folder: Path,
    browser: Browser,
    say: Callable[[str], object] = lambda text: None,
) -> list[str]:
    """What is wrong with what the three hosts make of the cases; the first of each package is the
    package as it was built."""
    entries, written = [], []
    for number, case in enumerate(cases):
        case.write(folder / str(number))
        written.append(replace(case, files=dict.fromkeys(case.files)))
        names = [path.name for path in sorted(case.package.iterdir()) if path.is_file()]
        given = packages.inputs(case.package.name)
        entries.append({"name": case.name, "files": names, "given": given, "runs": True})
    say(f"{len(entries)} cases")
    found: dict[str, list[judging.Outcome]] = {"python": []}
    for number, entry in enumerate(entries):
        outcome = hosts.in_python(folder / str(number), entry)
        entry["runs"] = outcome.get("run") not in LIMITED
        found["python"].append(outcome)
    say("Python is through")
    (folder / "cases.json").write_text(json.dumps(entries))
    found["node"] = hosts.in_node(folder, NODE_SECONDS * len(entries))
    say("Node is through")
    found["chromium"] = hosts.in_chromium(browser, folder, entries)
    say("Chromium is through")
    (folder / "found.json").write_text(json.dumps(found))
    return [*_judged(written, found)]


def _judged(cases: Sequence[Case], found: dict[str, list[judging.Outcome]]) -> Iterator[str]:
    valid: dict[str, str] = {}
    for number, case in enumerate(cases):
        for host, outcomes in found.items():
            if number >= len(outcomes):
                yield f"{case.name}: {host} ended or hung"
                return
        outcomes = {host: outcomes[number] for host, outcomes in found.items()}
        if not case.files:
            valid[case.package.name] = outcomes["python"].get("run", outcomes["python"]["load"])
        yield from judging.findings(case, outcomes, valid[case.package.name])
