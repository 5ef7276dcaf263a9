"""Packages with one thing changed: Python, Node and Chromium say the same of each, in a code, or
compute what the valid one computes. The native build tries every word of every plan."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from corpus import packages, running
from playwright.sync_api import Browser
from support.builds import plan_fuzzer


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return packages.write(tmp_path_factory.mktemp("packages"))


def test_all_hosts_agree(built: dict[str, Path], tmp_path: Path, browser: Browser) -> None:
    found = running.findings(running.cases_of(built, every=False), tmp_path, browser)
    assert not found, "\n".join(found)


def test_every_word_of_every_plan(built: dict[str, Path], tmp_path: Path) -> None:
    """Under ASan and UBSan, where a node can touch nothing but its operands."""
    seeds = [tmp_path / name for name in ("static", "dynamic", "flow", "rounded")]
    for seed in seeds:
        seed.write_bytes(packages.fuzz_seed(built[seed.name]))
    done = subprocess.run([plan_fuzzer(), "words", *seeds], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert int(done.stdout.split()[0]) > 20_000
