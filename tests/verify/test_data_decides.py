"""What the data decides, in packages that Chromium runs: ways through a program, and sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from models.control import Flow, flows
from playwright.sync_api import Browser
from torch import Tensor, nn

import wasm_torch_web
from wasm_torch_web.variants import VARIANTS
from wasm_torch_web.verify.session import open_package


class Chosen(nn.Module):
    """Rows above 0 in the first column, where they are, the distinct whole numbers of all."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        kept = x[x[:, 0] > 0]
        return {
            "kept": kept * 2,
            "total": kept.sum(0),
            "at": x.nonzero(),
            "whole": x.int().unique(),
        }


def _rows(n: int) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(n))


FLOWS = {name: flows()[name] for name in ("both-dynamic", "while", "scan-dynamic")}
FLOWS["chosen"] = Flow(
    Chosen(), [(_rows(n),) for n in (5, 1, 12)] + [(-_rows(3).abs(),)], ("x.0=1..12",)
)


@pytest.mark.parametrize("name", FLOWS)
def test_every_variant_equals_pytorch(name: str, browser: Browser, tmp_path: Path) -> None:
    flow = FLOWS[name]
    wasm_torch_web.build(
        flow.module, flow.runs[0], out=tmp_path / "pkg", dynamic=list(flow.dynamic), verify=False
    )
    with open_package(browser, tmp_path / "pkg") as model:
        for variant in VARIANTS:
            model.load(variant)
            for args in flow.runs:
                outputs, _ = model.run(dict(zip(("x", "y"), args, strict=False)))
                _equal(outputs, flow.module(*args))


def _equal(outputs: dict[str, Any], expected: Any) -> None:
    leaves = torch.utils._pytree.tree_leaves(expected)
    for given, one in zip(outputs.values(), leaves, strict=True):
        torch.testing.assert_close(given, one.detach(), rtol=1e-5, atol=1e-5)
