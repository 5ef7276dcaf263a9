"""Convolutions over volumes, and over one to three axes in any dtype that PyTorch convolves.

`conv3d` reads channels-last volumes and weights with the channels innermost; `conv_nd` has no such
wishes, and takes its time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.convolution import conv_flops, grouped_case
from wasm_torch_web.ops.epilogue import activation_attributes, activation_cases, finish
from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import (
    F32,
    Attribute,
    Case,
    flag,
    integer,
    integers,
    row,
    tensor,
)


def _conv3d(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None,
    *,
    groups: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    **epilogue: Any,
) -> torch.Tensor:
    weight = weight.permute(0, 4, 1, 2, 3)
    y = F.conv3d(input, weight, bias, stride, padding, dilation, groups)
    return finish(y, residual, **epilogue)


def _conv3d_cases() -> Iterator[Case]:
    case = grouped_case(None)
    yield case((2, 5, 3, 4, 3), 9, (1, 1, 1))
    yield case((1, 16, 4, 5, 5), 15, (3, 3, 3), padding=(1, 1, 1))
    yield case((1, 3, 5, 9, 9), 17, (3, 5, 5), stride=(1, 2, 2), padding=(1, 2, 0))
    yield case((1, 20, 5, 6, 7), 8, (1, 3, 3), padding=(0, 1, 1), stride=(2, 1, 2))
    yield case((2, 6, 7, 6, 5), 11, (3, 1, 1), padding=(2, 0, 0), dilation=(2, 1, 1))
    yield case((1, 4, 5, 8, 9), 7, (2, 3, 3), padding=(1, 2, 2), dilation=(1, 2, 2))
    yield case((1, 12, 4, 5, 5), 18, (3, 3, 3), groups=3, padding=(1, 1, 1))
    yield case((1, 64, 3, 5, 5), 40, (3, 3, 3), padding=(1, 1, 1))
    yield case((0, 4, 3, 5, 5), 3, (3, 3, 3))
    for attributes in activation_cases():
        x, weight = normal(1, 5, 3, 4, 6), normal(11, 1, 3, 3, 5, seed=1) / 4
        residual = normal(1, 11, 3, 4, 6, seed=3)
        inputs = (x, weight, normal(11, seed=2), residual)
        yield Case(inputs, {"padding": (0, 1, 1), **attributes})
    ones = torch.ones(3, 1, 1, 1, 4)
    yield Case((corners(1, 4, 2, 3, 5), ones, None, None), {"activation": "relu6"})


def _volume(name: str, default: int) -> Attribute:
    return integers(name, (default,) * 3)


row(
    "conv3d",
    # weight: (O, KD, KH, KW, I / groups).
    inputs=[
        tensor("input", F32, "channels_last"),
        tensor("weight", F32, "panel8", "dense"),
        tensor("bias", F32, optional=True),
        tensor("residual", F32, "channels_last", optional=True),
    ],
    outputs=[tensor("output", F32, "channels_last")],
    attributes=[
        _volume("stride", 1),
        _volume("padding", 0),
        _volume("dilation", 1),
        integer("groups", 1),
        *activation_attributes(),
    ],
    reference=_conv3d,
    flops=conv_flops,
    channels=(0, 1),
    cases=_conv3d_cases,
)

ANY = (torch.float32, torch.float64, torch.int64)


def _conv_nd(
    input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, *, groups: int, **how: Any
) -> torch.Tensor:
    axes = (how[name] for name in ("stride", "padding", "dilation"))
    more = how["output_padding"]
    result: torch.Tensor = torch.ops.aten.convolution(
        input, weight, bias, *axes, how["transposed"], more, groups
    )
    return result


def _nd_cases() -> Iterator[Case]:
    def case(
        x: tuple[int, ...], o: int, kernel: tuple[int, ...], dtype: torch.dtype, **how: Any
    ) -> Case:
        n, groups = len(kernel), how.setdefault("groups", 1)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1)):
            how.setdefault(name, (default,) * n)
        how.setdefault("output_padding", (0,) * n)
        i = x[1]
        turned = how.setdefault("transposed", False)
        shape = (i, o // groups, *kernel) if turned else (o, i // groups, *kernel)
        bias = normal(o, seed=2, dtype=dtype) if o % 2 else None
        return Case((normal(*x, dtype=dtype), normal(*shape, seed=1, dtype=dtype), bias), how)

    for t in ANY:
        yield case((2, 4, 9), 5, (3,), t, stride=(2,), padding=(1,))
        yield case((1, 3, 7, 8), 6, (3, 2), t, padding=(2, 1), dilation=(2, 1), groups=3)
        yield case((1, 4, 4, 5, 6), 7, (2, 3, 3), t, stride=(1, 2, 1), padding=(1, 1, 2))
        yield case((2, 4, 7), 3, (4,), t, transposed=True, stride=(3,), output_padding=(2,))
        yield case((1, 4, 4, 5), 6, (3, 2), t, transposed=True, padding=(2, 1), groups=2)
        yield case(
            (1, 3, 3, 4, 3),
            5,
            (2, 3, 3),
            t,
            transposed=True,
            stride=(2, 1, 3),
            padding=(0, 3, 1),
            dilation=(1, 2, 1),
            output_padding=(1, 0, 2),
        )
        yield case((0, 3, 4), 3, (2,), t)
    yield Case(
        (corners(1, 1, 2, 3, 7), torch.ones(1, 1, 1, 1, 1), None),
        {
            "stride": (1, 1, 1),
            "padding": (0, 0, 0),
            "dilation": (1, 1, 1),
            "output_padding": (0, 0, 0),
        },
    )


# One to three axes and PyTorch's own weights: what has no faster row.
row(
    "conv_nd",
    inputs=[tensor("input", ANY), tensor("weight", ANY), tensor("bias", ANY, optional=True)],
    outputs=[tensor("output", ANY)],
    attributes=[
        integers("stride"),
        integers("padding"),
        integers("dilation"),
        integers("output_padding"),
        flag("transposed", False),
        integer("groups", 1),
    ],
    reference=_conv_nd,
    cases=_nd_cases,
)
