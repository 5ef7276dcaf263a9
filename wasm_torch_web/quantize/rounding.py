"""A simplified graph in, the same with its weights rounded to what float16 holds out.

The weights stay float32 tensors, and so does all arithmetic: the file format stores what float16
holds exactly in half the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wasm_torch_web.control import all_subgraphs
from wasm_torch_web.format.weights import NARROWED_BYTES, is_half
from wasm_torch_web.ir import Graph, Value
from wasm_torch_web.quantize.spec import Spec

# Of a row's norm. Rounding costs 2^-12 on average, 2^-11 at most; what is below float16's least
# normal number, 6e-5, loses more.
MOST_LOSS = 1e-3
# Rows this much smaller than the others (channels that training has switched off) count as that.
LEAST_ROW = 1e-3


@dataclass(frozen=True)
class Weight:
    """A weight and what became of it.

    Attributes:
        bytes: as float32.
        loss: the largest error of a row, relative to its norm; None where there is none to tell.
        kept: why it stays float32; empty where it was rounded.
    """

    name: str
    bytes: int
    loss: float | None
    kept: str = ""

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"name": self.name, "bytes": self.bytes, "loss": self.loss, "kept": self.kept}


def round_weights(graph: Graph, spec: Spec) -> list[Weight]:
    """Rounds what loses little by it; gives all weights that are large enough to be stored so."""
    found: dict[Value, Weight] = {}
    for value in _constants(graph):
        data = value.data
        if value in found or data is None or data.dtype != torch.float32:
            continue
        if data.numel() * data.itemsize < NARROWED_BYTES:
            continue
        found[value] = _judge(value.name, data, spec)
        if not found[value].kept:
            value.data = data.half().float()
    return list(found.values())


def _constants(graph: Graph) -> Iterator[Value]:
    for one in (graph, *all_subgraphs(graph)):
        yield from (value for value in one.values() if value.is_constant)


def _judge(name: str, data: Tensor, spec: Spec) -> Weight:
    size = data.numel() * data.itemsize
    if is_half(data):
        return Weight(name, size, 0.0)
    if spec.skips(name):
        return Weight(name, size, None, "skipped")
    loss = loss_between(data, data.half().float())
    if loss is None:
        return Weight(name, size, None, "it has elements that float16 cannot hold")
    kept = f"rounding moves a row by {loss:.1e} of its norm" if loss > MOST_LOSS else ""
    return Weight(name, size, loss, kept)


def loss_between(data: Tensor, rounded: Tensor) -> float | None:
    """The largest error of a row, relative to its norm; None where something becomes infinite, or
    is NaN."""
    rows = data.reshape(data.shape[0], -1) if data.dim() > 1 else data.reshape(1, -1)
    difference = rounded.reshape(rows.shape) - rows
    error = _norms(torch.where(rounded.reshape(rows.shape) == rows, 0.0, difference))
    if not bool(error.isfinite().all()):
        return None
    norms = _norms(torch.where(rows.isfinite(), rows, 0.0))
    typical = norms.square().mean().sqrt()
    floor = torch.clamp(norms, min=float(typical) * LEAST_ROW)
    return float(torch.where(error == 0, 0.0, error / floor).max())


def _norms(rows: Tensor) -> Tensor:
    """In float64: squares of small numbers are smaller still."""
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64)
    return norms
