"""Operators that move, join, pick and reduce elements, as random programs have them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from fuzz.graphs.draw import Draw, Drawn, Operator

REDUCE = [
    "sum",
    "mean",
    "amax",
    "amin",
    "std",
    "var",
    "prod",
    "logsumexp",
    "norm",
    "nansum",
    "any",
    "all",
    "count_nonzero",
]
SCANS = ["cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"]


def _reduce(d: Draw) -> Drawn:
    x = d.pick("float", least=1)
    dims = d.axes(x)
    name = d.one(REDUCE)
    if name in ("prod", "any", "all") or (name == "count_nonzero" and d.coin()):
        return {"name": name, "dim": dims[0]}
    keep = {} if name == "count_nonzero" else {"keepdim": d.coin()}
    return {"name": name, "dim": dims, **keep}


def _slice(x: Tensor, dim: int, start: int | None, stop: int | None, step: int) -> Tensor:
    return x[(slice(None),) * dim + (slice(start, stop, step),)]


def _slices(d: Draw) -> Drawn:
    x = d.pick(least=1)
    ends = [None, -1, max(1, x.shape[0] - 1), 2]
    return {
        "dim": d.axis(x),
        "start": d.one([None, 1, 0, -2]),
        "stop": d.one(ends),
        "step": d.one([1, 1, 1, 2]),
    }


def _write(x: Tensor, **where: Any) -> Tensor:
    """What shares the memory changes with it."""
    part = _slice(x, **where)
    part.copy_(part.flip(0) * 2 if x.dtype != torch.bool else ~part)
    return x


def _split(d: Draw) -> Drawn:
    x = d.pick(least=1)
    dim = d.axis(x)
    return {"name": d.one(["chunk", "split", "tensor_split"]), "parts": d.one([2, 3]), "dim": dim}


def _join(d: Draw) -> Drawn:
    x = d.pick()
    for _ in range(d.one([1, 1, 2])):
        d.alike(x)
    return {"name": d.one(["cat", "cat", "stack"]), "dim": d.axis(x) if x.dim() else 0}


def _pad(d: Draw) -> Drawn:
    x = d.pick("float", least=1)
    mode = d.one(["constant", "constant", "reflect", "replicate", "circular"])
    axes = 1 if mode == "constant" or x.dim() < 4 else 2
    least = -1 if mode == "constant" else 0
    return {"pad": [d.r.randint(least, 2) for _ in range(2 * axes)], "mode": mode}


def _reshape(d: Draw) -> Drawn:
    x = d.pick(least=1)
    if d.coin():
        first = d.axis(x)
        return {"flatten": [first, d.r.randint(first, x.dim() - 1)]}
    if d.coin():
        return {"leading": d.r.randint(0, x.dim() - 1)}
    dim = d.axis(x)
    part = d.one([p for p in (1, 2, 3, 4) if x.shape[dim] % p == 0])
    return {"unflatten": [dim, d.one([[part, -1], [-1, part]])]}


def _shaped(
    x: Tensor,
    flatten: list[int] | None = None,
    leading: int | None = None,
    unflatten: list[Any] | None = None,
) -> Tensor:
    if flatten is not None:
        return x.flatten(*flatten)
    if leading is not None:
        return x.reshape(*x.shape[:leading], -1)
    assert unflatten is not None
    return x.unflatten(*unflatten)


def _move(d: Draw) -> Drawn:
    x = d.pick(least=2)
    return {"dims": d.r.sample(range(x.dim()), x.dim())}


def _along(d: Draw) -> Drawn:
    """Operators of one tensor and one axis."""
    x = d.pick("float", least=1)
    name = d.one(["softmax", "log_softmax", "flip", "diff", "glu", "normalize", "sort", "median"])
    return {"name": name, "dim": d.axis(x)}


def _along_axis(x: Tensor, name: str, dim: int) -> Any:
    if name in ("glu", "normalize"):
        return getattr(F, name)(x, dim=dim)
    if name == "flip":
        return x.flip(dim)
    result = getattr(torch, name)(x, dim=dim)
    return result[0] if name in ("sort", "median") else result  # places of equals are left open


def _scan(d: Draw) -> Drawn:
    x = d.pick("float", least=1)
    return {"name": d.one(SCANS), "dim": d.axis(x)}


def _scanned(x: Tensor, name: str, dim: int) -> Tensor:
    result = getattr(torch, name)(x, dim)
    return result if isinstance(result, Tensor) else result[0]


def _sized(d: Draw) -> Drawn:
    x = d.pick(least=1)
    name = d.one(["roll", "select", "narrow", "unsqueeze", "squeeze", "repeat", "expand", "topk"])
    return {"name": name, "dim": d.axis(x), "count": d.one([1, 1, 2, 3])}


def _resized(x: Tensor, name: str, dim: int, count: int) -> Tensor:
    match name:
        case "roll":
            return x.roll(count, dim)
        case "select":
            return x.select(dim, count - 1)
        case "narrow":
            return x.narrow(dim, count - 1, 1)
        case "repeat":
            return x.repeat(*(count if axis == dim else 1 for axis in range(x.dim())))
        case "expand":
            return x.unsqueeze(dim).expand(*x.shape[:dim], count, *x.shape[dim:])
        case "topk":
            return x.topk(count, dim).values
        case _:
            return getattr(x, name)(dim)


def _gathered(d: Draw) -> Drawn:
    x = d.pick(least=1)
    d.pick("int64", least=1)
    names = ["gather", "index_select", "index", "scatter_add", "index_add", "index_put"]
    return {"name": d.one(names), "dim": d.axis(x)}


def _gather(x: Tensor, index: Tensor, name: str, dim: int) -> Tensor:
    index = index.remainder(x.shape[dim])
    match name:
        case "gather":
            return x.gather(dim, index)
        case "index":
            return x[(slice(None),) * dim + (index,)]
        case "index_select":
            return x.index_select(dim, index.flatten())
        case "scatter_add":
            return x.scatter_add(dim, index, index.to(x.dtype))
        case "index_add":
            return torch.zeros_like(x).index_add(dim, index.flatten(), x)
        case _:
            return x.index_put((index.flatten(),), x.amax().to(x.dtype), accumulate=True)


def _matrices(d: Draw) -> Drawn:
    x = d.pick("float32", least=2)
    y = d.pick("float32", least=2)
    fits = x.shape[-1] == y.shape[-2]
    return {"turned": not fits and x.shape[-1] == y.shape[-1]}


OPERATORS: dict[str, Operator] = {
    "reduce": Operator(_reduce, lambda x, name, **how: getattr(torch, name)(x, **how)),
    "slice": Operator(_slices, _slice),
    "write": Operator(_slices, _write),
    "split": Operator(_split, lambda x, name, parts, dim: getattr(x, name)(parts, dim)),
    "join": Operator(_join, lambda *on, name, dim: getattr(torch, name)(on, dim)),
    "pad": Operator(_pad, F.pad),
    "reshape": Operator(_reshape, _shaped),
    "permute": Operator(_move, torch.permute),
    "along": Operator(_along, _along_axis),
    "scan": Operator(_scan, _scanned),
    "sized": Operator(_sized, _resized),
    "gather": Operator(_gathered, _gather),
    "matmul": Operator(_matrices, lambda x, y, turned: x @ (y.mT if turned else y)),
}
