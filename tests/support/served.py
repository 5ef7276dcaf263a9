"""Models for the inference service, and their packages, each built when it is first asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim, export

import wasm_torch_web


class Classifier(nn.Module):
    """Row by row."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        scores = self.layers(x)
        return {"scores": scores, "best": scores.argmax(1)}


class Centred(nn.Module):
    """Rows that depend on one another: they must not be joined with a stranger's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0)


class Counter(nn.Module):
    """State from run to run."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("runs", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.runs += 1
        return x + self.runs


class Kinds(nn.Module):
    """Every dtype, doubled or negated."""

    def forward(self, values: list[torch.Tensor]) -> list[torch.Tensor]:
        return [v.logical_not() if v.dtype == torch.bool else v + v for v in values]


class Numbers(nn.Module):
    """Numbers among inputs and outputs."""

    def forward(self, x: torch.Tensor, shift: int) -> dict[str, Any]:
        return {"y": x + shift, "size": x.shape[0], "sum": x.sum()}


class Root(nn.Module):
    """NaN for negative numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sqrt()


class Loop(nn.Module):
    """Counts for as long as it is told to."""

    def forward(self, n: torch.Tensor) -> torch.Tensor:
        from torch._higher_order_ops import while_loop

        start = (torch.zeros((), dtype=torch.int64), n)
        return while_loop(lambda i, n: i < n, lambda i, n: (i + 1, n.clone()), start)[0]


DTYPES = (
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32),
    *(torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128),
)


def kinds() -> list[torch.Tensor]:
    """A tensor of each dtype."""
    return [
        (torch.arange(6).reshape(2, 3) % 2 == 0) if t == torch.bool else torch.arange(6).to(t)
        for t in DTYPES
    ]


ROWS = ["x.0=rows:1..64"]
RECIPES: dict[str, tuple[nn.Module, tuple[Any, ...], list[str]]] = {
    "classifier": (Classifier().eval(), (torch.ones(2, 8),), ROWS),
    "centred": (Centred(), (torch.ones(2, 3),), ROWS),
    "counter": (Counter(), (torch.ones(2, 3),), ROWS),
    "kinds": (Kinds(), (kinds(),), []),
    "root": (Root(), (torch.ones(2, 3),), ROWS),
    "loop": (Loop(), (torch.tensor(3),), []),
}


def numbers() -> torch.export.ExportedProgram:
    """Its size and its number may change."""
    shapes = {"x": {0: Dim("rows", min=1, max=8)}, "shift": Dim.DYNAMIC}
    return export(Numbers(), (torch.ones(3, 2), 2), dynamic_shapes=shapes)


class Packages:
    """Packages by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str) -> Path:
        """Its folder."""
        out = self._folder / name
        if not out.is_dir():
            if name == "numbers":
                wasm_torch_web.build(numbers(), out=out, name=name, verify=False)
                return out
            module, example, dynamic = RECIPES[name]
            wasm_torch_web.build(module, example, out=out, dynamic=dynamic, name=name, verify=False)
        return out
