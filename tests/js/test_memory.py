"""The memory of a page, measured (Linux only): at most about one copy of the weights while a model
is loaded, run and kept for the next visit, and none once it is disposed of."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from support.moments import Processes, moments, renderers
from support.ports import free_port
from torch import nn

from wasm_torch_web.pipeline import build

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PAGE = Path(__file__).with_name("memory_page")
# 392 MiB: Chromium holds 22 to 38 MiB of code and garbage besides, which no model makes more, and
# 59 are allowed.
WIDTH, LAYERS = 3584, 8


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("memory") / "big"
    layers = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(LAYERS))
    build(nn.Sequential(*layers).eval(), (torch.randn(1, WIDTH),), out=out, verify=False)
    return out


def files_to_keep(package: Path) -> int:
    """The shards and the plan."""
    return len(list(package.glob("weights-*.bin"))) + 1


@pytest.mark.parametrize(
    ("options", "variant"),
    [
        ({"worker": False}, "relaxed-single"),
        ({"variant": "relaxed-single"}, "relaxed-single"),
        ({"variant": "relaxed-threads", "threads": 1}, "relaxed-threads"),
        ({"variant": "relaxed-threads", "threads": 2}, "relaxed-threads"),
    ],
)
def test_loading_takes_about_one_copy_of_the_weights(
    package: Path, tmp_path: Path, options: dict[str, Any], variant: str
) -> None:
    options = {**options, "keeps": files_to_keep(package)}
    port = free_port()  # the same origin, whose files are kept
    for visit in ("first", "second"):
        with moments(PAGE, package, tmp_path, options, port=port) as told:
            before, _ = told.get(timeout=60)
            after, info = told.get(timeout=60)
        assert (info["variant"], info["cached"]) == (variant, float(visit == "second"))
        peak = growth(before, after, "VmHWM")
        memory = info["memory"]
        assert peak > memory["weights"]  # else another process was measured
        most = 1.15 * memory["weights"] + memory["arena"]
        assert peak <= most, f"{visit} visit: {peak / 2**20:.0f} MiB"


@pytest.mark.parametrize("variant", ["relaxed-single", "relaxed-threads"])
def test_dispose_returns_the_memory(package: Path, tmp_path: Path, variant: str) -> None:
    options = {"variant": variant, "times": 3, "keeps": files_to_keep(package)}
    with moments(PAGE, package, tmp_path, options) as told:
        before, _ = told.get(timeout=60)
        for _ in range(3):
            loaded, info = told.get(timeout=60)
            weights = info["memory"]["weights"]
            assert growth(before, loaded) > weights
        told.get(timeout=60)
        # The browser gives it back when it has time.
        for _ in range(60):
            kept = growth(before, renderers(tmp_path))
            if kept < 0.15 * weights:
                return
            time.sleep(1)
    pytest.fail(f"{kept / 2**20:.0f} MiB")


def growth(before: Processes, after: Processes, field: str = "VmRSS") -> int:
    """Of the process that has grown most."""
    return max(after[pid][field] - before[pid]["VmRSS"] for pid in before)
