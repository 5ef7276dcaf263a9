"""A simplified graph in, the same with its weights rounded to what float16 holds out.

The weights stay float32 tensors, and so does all arithmetic: the file format stores what float16
holds exactly in half the bytes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wasm_torch_web.format.weights import NARROWED_BYTES, is_half
from wasm_torch_web.ir import Graph
from wasm_torch_web.quantize.way import Names, Ranges, Way, Weight, constants

# Of a row's norm. Rounding costs 2^-12 on average, 2^-11 at most; what is below float16's least
# normal number, 6e-5, loses more.
MOST_LOSS = 1e-3
# Rows this much smaller than the others (channels that training has switched off) count as that.
LEAST_ROW = 1e-3


def _weights(graph: Graph, ranges: Ranges) -> list[Weight]:
    """All that are large enough to be stored as float16."""
    values = dict.fromkeys(constants(graph))
    given = ((value.name, value.data) for value in values)
    return [judge(name, data) for name, data in given if data is not None and is_candidate(data)]


def _apply(graph: Graph, chosen: Names, ranges: Ranges) -> None:
    for value in constants(graph):
        if value.name in chosen and value.data is not None:
            value.data = value.data.half().float()


def is_candidate(data: Tensor) -> bool:
    """Whether it could be stored as float16."""
    return data.dtype == torch.float32 and data.nbytes >= NARROWED_BYTES


def judge(name: str, data: Tensor) -> Weight:
    """What becomes of a candidate."""
    size = data.nbytes
    loss = 0.0 if is_half(data) else loss_between(data, data.half().float())
    kept = ""
    if loss is None:
        kept = "it has elements that float16 cannot hold"
    elif loss > MOST_LOSS:
        kept = f"rounding moves a row by {loss:.1e} of its norm"
    return Weight(name, size, size if kept else size // 2, loss, FP16.name, kept)


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


FP16 = Way("fp16", _weights, _apply)
