"""Seconds and a seed in; what a fuzzer has run, covered and found out.

A finding is a file in the folder, with the command that shows it again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support import fuzz_seeds
from support.builds import plan_fuzzer

from fuzz import manifests, plans, requests, sources
from fuzz.graphs import fuzzer as graphs
from fuzz.graphs import quiet
from fuzz.harness import Fuzzer, explore, lines_of

ROOT = Path(__file__).parents[2]
ROUND = 200  # examples of one seed
PROGRAMS = 24  # in one process of Node
JAVASCRIPT = 500  # examples of one property and seed
FUZZERS = {
    one.name: one for one in (manifests.FUZZER, plans.FUZZER, requests.FUZZER, sources.FUZZER)
}


@dataclass
class Outcome:
    """A row of the table."""

    name: str
    folder: Path
    executions: int = 0
    seconds: float = 0.0
    coverage: str = ""
    findings: list[Path] = field(default_factory=list)

    def found(self, what: str, text: str, command: str) -> None:
        """Keeps a finding, and tells of it at once."""
        path = self.folder / f"{self.name}-{what}.txt"
        path.write_text(f"{text}\n\nAgain: {command}\n")
        self.findings.append(path)
        print(f"{path}: {text.strip().splitlines()[-1][:200]}", flush=True)


def in_python(fuzzer: Fuzzer, outcome: Outcome, seconds: float, seed: int) -> None:
    """Rounds of examples, each from the next seed."""
    lines: set[tuple[str, int]] = set()
    work = fresh(outcome.folder / f"{fuzzer.name}.work")
    with (
        lines_of(threading.settrace, fuzzer.files, lines),
        fuzzer.open(work) as (examples, check),
        lines_of(sys.settrace, fuzzer.files, lines),
    ):
        for turn in _until(seconds, seed):
            try:
                outcome.executions += explore(examples, check, turn, ROUND)
            except Exception:
                command = f"make fuzz FUZZ='--again {fuzzer.name} {turn}'"
                outcome.found(str(turn), traceback.format_exc(), command)
    outcome.coverage = f"{len(lines)} lines"


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def of_graphs(outcome: Outcome, seconds: float, seed: int) -> None:
    """Random programs on the wasm, beside PyTorch."""
    quiet()
    edges: set[str] = set()
    refusals = 0
    for turn in _until(seconds, seed):
        first = turn * PROGRAMS
        verdicts, wrong = graphs.examine(range(first, first + PROGRAMS))
        outcome.executions += PROGRAMS
        for verdict in verdicts:
            edges |= verdict.edges
            refusals += verdict.refusal is not None
        for seeds, fault in wrong.items():
            command = f"PYTHONPATH=tests .venv/bin/python -m fuzz.graphs {seeds}"
            outcome.found(seeds.replace(" ", "-"), fault, command)
    operators = {name for edge in edges for name in edge.split()}
    outcome.coverage = (
        f"{len(operators)} operators of the table, {len(edges)} pairs, {refusals} refused"
    )


def of_plans(outcome: Outcome, seconds: float, seed: int) -> None:
    """libFuzzer on the plan checker and the executor, from valid plans of every row and of random
    programs; what led to anything new stays in `build/fuzz/corpus`."""
    target = plan_fuzzer()
    corpus, seeds = outcome.folder / "corpus", outcome.folder / "seeds"
    corpus.mkdir(exist_ok=True)
    if not seeds.is_dir():
        fuzz_seeds.write(seeds)
        graphs.write_plans(seeds, range(seed, seed + PROGRAMS))
    limits = ["-max_len=16384", "-timeout=20", "-rss_limit_mb=3000", "-print_final_stats=1"]
    more = [
        f"-max_total_time={int(seconds)}",
        f"-seed={seed}",
        f"-artifact_prefix={outcome.folder}/",
    ]
    command = [target, *limits, *more, corpus, seeds, ROOT / "tests" / "core" / "findings"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = done.stdout + done.stderr
    ran = re.search(r"number_of_executed_units: (\d+)", said)
    outcome.executions = int(ran[1]) if ran else 0
    covered = re.findall(r"cov: (\d+) ft: (\d+)", said)
    outcome.coverage = f"{covered[-1][0]} edges, {covered[-1][1]} features" if covered else ""
    if done.returncode:
        written = re.search(r"Test unit written to (\S+)", said)
        command_again = f"{target.relative_to(ROOT)} {written[1] if written else ''}"
        outcome.found(str(seed), said[-6000:], command_again)


def of_javascript(outcome: Outcome, seconds: float, seed: int) -> None:
    """The properties of tests/js/fuzz.test.ts, with fast-check."""
    subprocess.run(["node", "js_runtime/build.mjs", "--tests"], cwd=ROOT, check=True)
    command = ["node", "--enable-source-maps", "--test", "build/js_tests/fuzz.test.mjs"]
    counts = outcome.folder / "javascript.coverage"
    for turn in _until(seconds, seed):
        settings = {"FUZZ_RUNS": str(JAVASCRIPT), "FUZZ_SEED": str(turn)}
        shutil.rmtree(counts, ignore_errors=True)
        environment = {**os.environ, **settings, "NODE_V8_COVERAGE": str(counts)}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        passed = re.search(r"# pass (\d+)", done.stdout)
        outcome.executions += JAVASCRIPT * int(passed[1] if passed else 0)
        if done.returncode:
            again = " ".join(f"{name}={value}" for name, value in settings.items())
            outcome.found(str(turn), done.stdout[-6000:], f"{again} {' '.join(command)}")
    outcome.coverage = f"{_functions(counts)} functions"


def _functions(folder: Path) -> int:
    """Of the last round, without those of node."""
    found = {
        (function["functionName"], function["ranges"][0]["startOffset"])
        for path in folder.glob("*.json")
        for script in json.loads(path.read_text())["result"]
        if script["url"].endswith("/fuzz.test.mjs")
        for function in script["functions"]
        if function["ranges"][0]["count"]
    }
    return len(found)


Run = Callable[[Outcome, float, int], None]
RUNS: dict[str, Run] = {"graphs": of_graphs, "javascript": of_javascript, "plan": of_plans}


def run(name: str, folder: Path, seconds: float, seed: int) -> Outcome:
    """A fuzzer by its name."""
    outcome = Outcome(name, folder)
    begin = time.monotonic()
    if name in RUNS:
        RUNS[name](outcome, seconds, seed)
    else:
        in_python(FUZZERS[name], outcome, seconds, seed)
    outcome.seconds = time.monotonic() - begin
    return outcome


def _until(seconds: float, seed: int) -> Iterator[int]:
    """Seeds, until the time is over; one at least."""
    end = time.monotonic() + seconds
    while True:
        yield seed
        seed += 1
        if time.monotonic() >= end:
            return
