"""Borders around tensors. `pad` is PyTorch's: (before, after) of the last axis, then inwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.samples import channels_last, normal
from wasm_torch_web.ops.table import ALL, Case, enum, integers, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _constant(self: torch.Tensor, value: torch.Tensor, pad: tuple[int, ...]) -> torch.Tensor:
    widths = [(0, 0)] * self.dim()
    for i in range(0, len(pad), 2):
        widths[-1 - i // 2] = (pad[i], pad[i + 1])
    sizes = list(zip(self.shape, widths, strict=True))
    result = value.expand([n + before + after for n, (before, after) in sizes]).clone()
    inside = [slice(max(b, 0), n + b + min(a, 0)) for n, (b, a) in sizes]
    source = [slice(max(-b, 0), n + min(a, 0)) for n, (b, a) in sizes]
    result[tuple(inside)] = self[tuple(source)]
    return result


def _constant_cases() -> Iterator[Case]:
    for dtype in ALL:
        x = normal(3, 4, 5, dtype=dtype)
        yield Case((x, torch.tensor(1, dtype=dtype)), {"pad": (1, 2, 0, 3)})
        yield Case((x.permute(2, 0, 1), torch.tensor(0, dtype=dtype)), {"pad": (2, -1, -2, 1)})
    minus_infinity = torch.tensor(-torch.inf)
    yield Case((normal(2, 3, 4, 5), minus_infinity), {"pad": (1, 1, 2, 2, 3, 3, 0, 1)})
    yield Case((channels_last(normal(2, 3, 4, 5)), minus_infinity), {"pad": (1, 0, 2, 1)})
    yield Case((normal(0, 3), minus_infinity), {"pad": (1, 0, 2, 0)})
    yield Case((normal(5), minus_infinity), {"pad": (-2, -3)})
    yield Case((normal(5), minus_infinity), {"pad": ()})


row(
    "constant_pad_nd",
    inputs=[tensor("self", ALL, "strided"), tensor("value", ALL)],
    outputs=[tensor("output", ALL)],
    attributes=[integers("pad")],
    reference=_constant,
    identity=lambda pad: not any(pad),
    cases=_constant_cases,
)


@lowers("aten.constant_pad_nd.default")
def constant_pad_nd(b: Builder, a: dict[str, Any]) -> Value:
    """A border of one value; negative widths cut."""
    x = a["self"]
    result: Value = b.emit("constant_pad_nd", [x, b.scalar(a["value"], x.dtype)], {"pad": a["pad"]})
    return result


def _border_cases() -> Iterator[Case]:
    def case(x: torch.Tensor, *pad: int, mode: str) -> Case:
        return Case((x,), {"pad": pad, "mode": mode})

    for mode in ("reflect", "replicate", "circular"):
        yield case(normal(2, 17), 3, 5, mode=mode)
        yield case(normal(3, 4, 5).permute(1, 2, 0), 1, 2, mode=mode)
        yield case(normal(2, 3, 4, 5), 0, 3, 2, 1, mode=mode)
        yield case(channels_last(normal(2, 3, 4, 5)).double(), 1, 1, 1, 1, mode=mode)
        yield case(normal(1, 2, 3, 4, 5), 4, 1, 0, 3, 2, 1, mode=mode)
        yield case(normal(0, 3, 4), 1, 1, mode=mode)
    yield case(normal(2, 1, 1), 3, 9, mode="replicate")
    yield case(normal(2, 3, 6), -2, 3, mode="reflect")
    yield case(normal(2, 3, 6), -2, 3, mode="replicate")


row(
    "pad_border",
    inputs=[tensor("self", ALL, "strided")],
    outputs=[tensor("output", ALL)],
    attributes=[integers("pad"), enum("mode", "reflect", "replicate", "circular")],
    reference=lambda self, pad, mode: F.pad(self, pad, mode=mode),
    cases=_border_cases,
)

_MODES = {
    "reflect": [f"aten.reflection_pad{n}d.default" for n in (1, 2, 3)],
    "replicate": [f"aten.replication_pad{n}d.default" for n in (1, 2, 3)],
}


def _lower_border(mode: str) -> None:
    @lowers(*_MODES[mode])
    def lowering(b: Builder, a: dict[str, Any]) -> Value:
        result: Value = b.emit("pad_border", [a["self"]], {"pad": a["padding"], "mode": mode})
        return result


for _mode in _MODES:
    _lower_border(_mode)


@lowers("aten._pad_circular.default")
def pad_circular(b: Builder, a: dict[str, Any]) -> Value | None:
    """The axis, cut where a number is negative, continues with its other end."""
    x, pad = a["self"], a["pad"]
    if any(not isinstance(n, int) for n in pad):
        return None
    for i, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        if min(before, after) < 0:
            dim = x.rank - 1 - i
            ends = {"start": max(-before, 0), "end": x.shape[dim] + min(after, 0)}
            x = b.call("aten.slice.Tensor", self=x, dim=dim, **ends)
    more = [max(n, 0) for n in pad]
    result: Value = b.emit("pad_border", [x], {"pad": more, "mode": "circular"})
    return result
