"""Cases that are large enough for several threads, of rows whose own cases are not."""

from __future__ import annotations

import torch

from wasm_torch_web.ops import Case
from wasm_torch_web.ops.samples import channels_last


def large_cases() -> list[tuple[str, Case]]:
    """By the name of the row."""
    image = channels_last(_normal(1, 32, 40, 60))
    winograd = (_normal(1, 48, 50, 50), _normal(5, 6, 6, 48, 8), _normal(40), None)
    depthwise = (channels_last(_normal(1, 32, 60, 60)), _normal(3, 3, 32), _normal(32), None)
    heads = _normal(1, 4, 200, 32)
    rows = (_normal(302, 700), _normal(700), _normal(700))
    projected = (
        *(_normal(9, 1, 2048), _normal(64, 256, 32), None),
        *(_normal(1, 256), _normal(1, 512), _normal(8, 512, 32)),
    )
    float32 = {"compute": torch.float32, "dtype": torch.float32}
    return [
        ("linear", Case((_normal(150, 256), _normal(250, 256), _normal(250), None))),
        ("conv2d", Case((image, _normal(48, 3, 3, 32), _normal(48), None))),
        ("depthwise_conv2d", Case(depthwise, {"padding": (1, 1), "activation": "silu"})),
        ("scaled_dot_product_attention", Case((heads, heads, heads, None), {"scale": 0.2})),
        ("layer_norm", Case(rows, {"normalized_shape": (700,), "eps": 1e-5})),
        ("matmul", Case((_normal(3, 70, 130), _normal(3, 130, 90)))),
        ("winograd_weight", Case((_normal(200, 3, 3, 96),), {"tile": 4})),
        ("winograd_conv2d", Case(winograd, {"padding": (1, 1, 1, 1)})),
        ("lstm_scan", Case(projected, {"reverse": False})),
        ("sum", Case((_normal(200, 3000),), {"dim": (1,), "keepdim": False})),
        ("softmax", Case((_normal(300, 500),), {"dim": 1})),
        ("add", Case((_normal(300, 700), _normal(700)), float32)),
    ]


def _normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))
