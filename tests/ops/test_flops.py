"""FLOPs of rows: as PyTorch counts them, or by hand where it does not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from wasm_torch_web.ops import ROWS

COUNTED = ("linear", "matmul", "conv2d", "depthwise_conv2d", "conv_transpose2d", "winograd_conv2d")


def _shapes(values: tuple[Tensor | None, ...]) -> list[tuple[int, ...] | None]:
    return [None if value is None else tuple(value.shape) for value in values]


@pytest.mark.parametrize("name", COUNTED)
def test_products_are_counted_as_pytorch_counts_them(name: str) -> None:
    row = ROWS[name]
    assert row.flops is not None and row.cases is not None
    for case in row.cases():
        attributes = {one.name: one.default for one in row.attributes} | case.attributes
        with FlopCounterMode(display=False) as counter:
            output = row.reference(*case.inputs, **attributes)
        convolution = {
            operator: flops
            for operator, flops in counter.get_flop_counts()["Global"].items()
            if name != "winograd_conv2d" or operator is torch.ops.aten.convolution
        }
        flops = row.flops(_shapes(case.inputs), [tuple(output.shape)], attributes)
        assert flops == sum(convolution.values())


def test_attention_is_two_products() -> None:
    flops = ROWS["scaled_dot_product_attention"].flops
    shapes = [(2, 6, 9, 8), (2, 3, 7, 8), (2, 3, 7, 5), None]
    assert flops is not None
    assert flops(shapes, [(2, 9, 6, 5)], {}) == 2 * 2 * 6 * 9 * 7 * (8 + 5)


def test_scans_count_their_packed_weights() -> None:
    lstm, gru = ROWS["lstm_scan"].flops, ROWS["gru_scan"].flops
    assert lstm is not None and gru is not None
    gates, state = (5, 2, 4 * 16), (2, 16)
    shapes = [gates, (2, 16, 32), None, (2, 16), state, None]
    assert lstm(shapes, [], {}) == 2 * 5 * 2 * 4 * 16 * 16
    assert lstm([*shapes[:5], (1, 16, 32)], [], {}) == 2 * 5 * 2 * (4 * 16 * 16 + 16 * 32)
    assert gru([(5, 2, 3 * 16), (2, 16, 24), None, state], [], {}) == 2 * 5 * 2 * 3 * 16 * 16
