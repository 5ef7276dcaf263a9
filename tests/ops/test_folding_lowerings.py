"""Softmax, normalisations, reductions, scans, pooling and resizing: captured, lowered, and the
graph evaluated row by row equals eager PyTorch, at other sizes than the example's too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from support.lowered import AXES, Function, check
from torch import Tensor, nn

# Of (a, b, 6), a and b dynamic.
DYNAMIC: dict[str, Callable[[Tensor], Any]] = {
    "softmax": lambda x: (
        x.softmax(-1),
        x.log_softmax(0),
        F.softmin(x, 1),
        x.half().softmax(1, dtype=torch.float32),
        x.double().softmax(0),
    ),
    "sum": lambda x: (
        x.sum(),
        x.sum(1),
        x.sum((0, -1), keepdim=True),
        (x > 0).sum(1),
        x.sum(0, dtype=torch.float64),
        (x > 0).sum(dtype=torch.int32),
        x.nansum(1),
        x.count_nonzero(),
    ),
    "mean": lambda x: (x.mean(), x.mean((0, 1)), x.half().mean(-1, True, dtype=torch.float32)),
    "prod": lambda x: (x.prod(), x.prod(1, keepdim=True), x.to(torch.int32).prod(2)),
    "extremes": lambda x: (
        x.max(),
        x.min(),
        x.amax((0, 2)),
        x.amin(1, keepdim=True),
        *x.max(1),
        *x.min(-1, keepdim=True),
        *x.aminmax(dim=1),
    ),
    "positions": lambda x: (
        x.argmax(),
        x.argmax(1),
        x.argmin(-1, keepdim=True),
        x.argmin(keepdim=True),
    ),
    "truth": lambda x: (
        (x > 0).any(),
        (x > 9).any(1),
        (x > -9).all(),
        x.all(-1, keepdim=True),
        (x > 0).all((0, 1)),
    ),
    "var": lambda x: (
        x.var(),
        x.var(1),
        x.std((0, 1), correction=0),
        *torch.var_mean(x, 1),
        *torch.std_mean(x, (0, 2)),
    ),
    "norm": lambda x: (
        x.norm(),
        x.norm(dim=1),
        x.norm(p=1, dim=(0, 1)),
        F.normalize(x, dim=-1),
        torch.linalg.norm(x, dim=(1, 2)),
        torch.linalg.vector_norm(x, 3, (0, 1)),
        torch.linalg.vector_norm(x, torch.inf),
    ),
    "logsumexp": lambda x: (x.logsumexp(1), x.logsumexp((0, 2), keepdim=True)),
    "scan": lambda x: (
        x.cumsum(1),
        (x > 0).cumsum(0),
        x.cumprod(-1),
        *x.cummax(1),
        *x.cummin(0),
        x.logcumsumexp(1),
        x.to(torch.int32).cumsum(0, dtype=torch.int32),
    ),
    "layer norm": lambda x: (
        F.layer_norm(x, x.shape[-1:]),
        F.layer_norm(x, (6,), torch.arange(6.0), torch.ones(6)),
        F.layer_norm(x.double(), (6,), torch.arange(6.0).double()),
        F.layer_norm(x.half(), (6,), torch.arange(6.0).half()).float(),
    ),
    "rms norm": lambda x: (
        F.rms_norm(x, (6,)),
        F.rms_norm(x, (6,), torch.arange(6.0), 1e-6),
        F.rms_norm(x.double(), (6,), torch.arange(6.0).double()),
    ),
    "nearest": lambda x: (
        F.interpolate(x, scale_factor=2),
        F.interpolate(x, size=(11,), mode="nearest-exact"),
        F.interpolate(x[None], scale_factor=(1.5, 2)),
        F.interpolate(x[None], scale_factor=2, mode="nearest-exact"),
    ),
    "linear": lambda x: (
        F.interpolate(x, scale_factor=2, mode="linear"),
        F.interpolate(x, size=(9,), mode="linear", align_corners=True),
        F.interpolate(x[None], scale_factor=1.5, mode="bilinear"),
        F.interpolate(x[None], size=(7, 9), mode="bilinear", align_corners=True),
        F.interpolate(x[None], size=(3, 4), mode="bilinear", antialias=True),
        F.interpolate(x[None].round().half(), scale_factor=2, mode="bilinear"),
        F.interpolate((x[None] * 50).abs().to(torch.uint8), size=(7, 9), mode="bilinear"),
    ),
    "cubic": lambda x: (
        F.interpolate(x[None], scale_factor=2, mode="bicubic"),
        F.interpolate(x[None], size=(3, 4), mode="bicubic", antialias=True),
    ),
    "area": lambda x: F.interpolate(x[None], size=(2, 3), mode="area"),
}

# Of (2, 6, 8, 10), all sizes fixed.
STATIC: dict[str, Callable[[Tensor], Any]] = {
    "group norm": lambda x: (
        F.group_norm(x, 3),
        F.group_norm(x, 2, torch.arange(6.0), torch.ones(6)),
        F.group_norm(x.double(), 3, torch.arange(6.0).double(), torch.ones(6).double()),
        F.group_norm(x.half(), 6).float(),
        *torch.native_group_norm(x, None, None, 2, 6, 80, 3, 1e-5),
    ),
    "instance norm": lambda x: (
        F.instance_norm(x),
        F.instance_norm(x, torch.arange(6.0), torch.ones(6), use_input_stats=False),
        F.instance_norm(x, weight=torch.arange(6.0), bias=torch.ones(6)),
    ),
    "native layer norm": lambda x: torch.native_layer_norm(x, (8, 10), None, None, 1e-5),
    "max pool": lambda x: (
        F.max_pool2d(x, 3, 2, 1),
        F.max_pool2d(x[0], 2),
        *F.max_pool2d(x, (2, 3), ceil_mode=True, return_indices=True),
        F.max_pool2d(x, 2, 1, dilation=2),
        F.max_pool2d((x * 9).to(torch.int32), 2),
        F.max_pool1d(x[0], 3, 2),
    ),
    "average pool": lambda x: (
        F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        F.avg_pool2d(x, (2, 3), ceil_mode=True, divisor_override=5),
        F.avg_pool1d(x[0], 3, 2, 1),
        F.lp_pool2d(x.abs(), 2, 2),
    ),
    "adaptive pool": lambda x: (
        F.adaptive_avg_pool2d(x, 1),
        F.adaptive_avg_pool2d(x, (3, None)),
        F.adaptive_avg_pool2d(x[0], (5, 4)),
        *F.adaptive_max_pool2d(x, (3, 4), return_indices=True),
        F.adaptive_avg_pool1d(x[0], 3),
        F.adaptive_max_pool1d(x[0], 1),
    ),
}


@pytest.mark.parametrize("name", DYNAMIC)
def test_dynamic_sizes(name: str) -> None:
    x, other = torch.randn(4, 5, 6), torch.randn(7, 9, 6)
    check(Function(DYNAMIC[name]), (x,), AXES, (other,))


@pytest.mark.parametrize("name", STATIC)
def test_static_sizes(name: str) -> None:
    check(Function(STATIC[name]), (torch.randn(2, 6, 8, 10),))


@pytest.mark.parametrize("affine", [False, True])
def test_batch_norm(affine: bool) -> None:
    norm = nn.BatchNorm2d(6, affine=affine)
    norm.running_mean = torch.randn(6)
    norm.running_var = torch.rand(6)
    x = torch.randn(2, 6, 4, 5)
    check(norm, (x,))
    check(norm.double(), (x.double(),))
    check(nn.BatchNorm2d(6, affine=affine, track_running_stats=False), (x,))
