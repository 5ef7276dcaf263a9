"""`run --engine ray` on a cluster of two workers: the same lines as here, whoever is killed."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pytest import Subtests
from support.processes import alive, listening, started_by
from support.served import Packages
from support.service import until

from wasm_torch_web.cli import invoke
from wasm_torch_web.engine import batch, cluster, files
from wasm_torch_web.engine.runners import Limits, opened
from wasm_torch_web.errors import Kind, UserError
from wasm_torch_web.format import manifest as manifests

WORKERS = 2


def test_on_a_cluster(
    packages: Packages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subtests: Subtests
) -> None:
    """One cluster for all that needs one: of this machine alone, and gone at the end."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))  # else Ray keeps one in the home
    before = processes()
    with cluster.connected(None, WORKERS):
        import ray

        address = ray.get_runtime_context().gcs_address
        started = processes(but=before)
        assert any("raylet" in line for line in started.values())
        assert listening([os.getpid(), *started]) == {"127.0.0.1"}
        for check in (same_lines, no_item_without):
            folder = tmp_path / check.__name__
            folder.mkdir()
            with subtests.test(check.__name__):
                check(packages, folder, address)
    assert not [line for pid, line in started.items() if alive(pid)]


def processes(but: Iterable[int] = ()) -> dict[int, str]:
    """Those below this one but for `but` (a browser of the session) and those that they started."""
    others = {pid for one in but for pid in (one, *started_by(one))}
    return {pid: line for pid, line in started_by(os.getpid()).items() if pid not in others}


def lines_of(package: Path, source: Path) -> list[str]:
    """What this process makes of them."""
    manifest = manifests.read(package)
    given, taken = (files.ports_of(manifest, side) for side in ("inputs", "outputs"))
    with opened(package, "wasmtime", Limits()) as run:
        return [one.text for one in batch.here(run, given, taken)(files.items(source, given))]


def same_lines(packages: Packages, folder: Path, address: str) -> None:
    """By a driver of its own: in the same order, though a worker is killed in the middle, whose
    share is redone. Items that fail fail alone; what an earlier run has made is not made again."""
    package, source, out = packages("loop"), folder / "in.jsonl", folder / "out.jsonl"
    rounds = [str(30_000 + n) for n in range(64)]
    source.write_text("\n".join([*rounds, '{"y": 1}', "NaN", "[1]"]))
    wanted = lines_of(package, source)
    kept = [line.replace("output", "kept") for line in wanted[:3]]
    partial = folder / f".out.jsonl.{manifests.read(package)['plan']['sha256'][:12]}.partial"
    partial.write_text("\n".join([*kept, '{"input": "in.']))
    words = ["run", package, "--input", source, "--output", out, "--engine", "ray", "--json"]
    command = [sys.executable, "-m", "wasm_torch_web", *map(str, words)]
    environment = os.environ | {"RAY_ADDRESS": address}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as driver:
        until(lambda: len(whole(partial)) > len(kept) or driver.poll() is not None)
        # There are more blocks than workers: each is at another one.
        busy = [pid for pid, line in started_by(os.getpid()).items() if "MapWorker" in line]
        assert 1 <= len(busy) <= WORKERS
        os.kill(busy[0], signal.SIGKILL)
        told = json.loads(driver.communicate()[0])
    assert told["result"] == {"output": str(out), "runs": 67, "failed": 3}
    assert (driver.returncode, told["error"]["code"]) == (1, "WTW523")
    assert out.read_text().splitlines() == [*kept, *wanted[3:]]


def whole(file: Path) -> list[str]:
    """Its lines but one that is not at its end."""
    return file.read_text().split("\n")[:-1] if file.exists() else []


def no_item_without(packages: Packages, folder: Path, address: str) -> None:
    """What no item can do without ends the batch, with the worker's own words."""
    source, out = folder / "in.jsonl", folder / "out.jsonl"
    source.write_text("[[1, 2, 3]]\n" * 3)
    words = ["--input", source, "--output", out, "--engine", "ray", "--memory-limit", "1MB"]
    assert invoke(["run", *map(str, [packages("root"), *words])]) == Kind.ENVIRONMENT.value
    assert not out.exists()


@pytest.mark.parametrize("missing", ["ray", "pyarrow"])
def test_without_ray(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> Any:
        return None if name == missing else name

    monkeypatch.setattr(cluster, "find_spec", found)
    with pytest.raises(UserError, match=r"WTW609.*wasm-torch-web\[ray\]"), cluster.connected(None):
        pytest.fail("there is none")


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def refused(*words: object, **options: object) -> None:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refused)
    with pytest.raises(UserError, match=r"WTW630.*nobody answers"), cluster.connected("a:1"):
        pytest.fail("it is not there")


@pytest.mark.parametrize(
    "words", [("x.json", "--engine", "ray"), (".", "--output", "y.jsonl", "--workers", "2")]
)
def test_options_that_make_no_sense(words: tuple[str, ...], packages: Packages) -> None:
    assert invoke(["run", str(packages("root")), "--input", *words]) == 2
