"""The fuzz target: valid plans of every row, all that it ever found, and a little further."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support import fuzz_seeds
from support.builds import plan_fuzzer

FINDINGS = Path(__file__).parent / "findings"
LIMITS = ("-max_len=8192", "-timeout=20", "-rss_limit_mb=3000")
SECONDS = 20


@pytest.fixture(scope="module")
def target() -> Path:
    return plan_fuzzer()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeds")
    assert fuzz_seeds.write(folder) > 500
    return folder


def run(target: Path, *arguments: str | Path) -> None:
    """Anything that ASan, UBSan or the time limit has to say fails."""
    done = subprocess.run([target, *LIMITS, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


def test_findings_stay_fixed(target: Path) -> None:
    findings = sorted(FINDINGS.iterdir())
    assert findings
    run(target, *findings)


def test_fuzz(target: Path, seeds: Path, tmp_path: Path) -> None:
    """Replays every seed before it changes any."""
    artifacts = f"-artifact_prefix={tmp_path}/"
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    run(target, f"-max_total_time={SECONDS}", artifacts, corpus, seeds, FINDINGS)
