"""Views, joining, padding, indexing, sorting and recurrent layers: captured, lowered, and the graph
evaluated row by row equals eager PyTorch, at other sizes than the example's too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from support.evaluate import evaluate
from support.lowered import AXES, Function, check
from torch import Tensor, nn

from wasm_torch_web.capture import decompose
from wasm_torch_web.errors import UserError
from wasm_torch_web.lower import lower

DYNAMIC: dict[str, Callable[[Tensor], Any]] = {
    "reshape": lambda x: (x.flatten(1), x.flatten(), x.transpose(0, 1).reshape(x.shape[1], -1)),
    "permute": lambda x: (x.mT, x.movedim(0, 2), x.swapaxes(0, 2), x.unflatten(2, (2, 1))),
    "slice": lambda x: (x[:, 1:-1:2], x[:, -2:], x[1:], x[:, :2], x[::2], x[:, 1:, -1]),
    "select": lambda x: (x[:, -1], x[1], x.unbind(2), x.narrow(1, 1, 1)),
    "diagonal": lambda x: (x.diagonal(), x.diagonal(1, 1, 2), x.diagonal(-1, 0, 1)),
    "unfold": lambda x: (x.unfold(1, 2, 2), x.unfold(0, 2, 1)),
    "expand": lambda x: (
        x[:, None].expand(-1, 3, -1, -1).reshape(-1, 2),
        x[..., None].expand(*x.shape, 5),
    ),
    "split": lambda x: (x.chunk(2, 2), x.split([1, 1], 2), x.tensor_split(2, 2)),
    "squeeze": lambda x: (x[:, :, :1].squeeze(2), x[:, :, :1].squeeze(), x.squeeze(0)),
    "stack": lambda x: (
        torch.stack([x, x], 1),
        torch.stack([x, x], -1),
        torch.cat([x, x[:, :1]], 1),
    ),
    "repeat": lambda x: (
        x.repeat(2, 3, 1),
        x.tile(2, 3),
        x.repeat(2, 1, 1, 3),
        x.repeat_interleave(2, 1),
    ),
    "flip": lambda x: (x.flip(1), x.rot90(), x.flip(-1, 0)),
    "roll": lambda x: (x.roll((1, 2), (0, 1)), x.roll(1), x.roll(-1, -2)),
    "triangles": lambda x: (x.tril(1), x.triu(), x.mT.triu(-1)),
    "pad": lambda x: (
        F.pad(x, (1, 2)),
        F.pad(x, (1, -1, 2, 0), value=3.0),
        F.pad(x, (1, 0), mode="reflect"),
    ),
    "pad ends": lambda x: (F.pad(x, (1, 1), mode="circular"), F.pad(x, (2, 5), mode="replicate")),
    "windows": lambda x: F.unfold(x[None], 2),
    "order": lambda x: (x.topk(2, 1), x.sort(0), x.argsort(-1)),
}


@pytest.mark.parametrize("name", DYNAMIC)
def test_with_two_dynamic_axes(name: str) -> None:
    torch.manual_seed(0)
    others = (torch.randn(7, 9, 2), torch.randn(2, 3, 2))
    check(Function(DYNAMIC[name]), (torch.randn(4, 6, 2),), AXES, others)


def set_items(x: Tensor, s: Tensor) -> Tensor:
    y = x.clone()
    y[:, 1:3] = s
    y[:, 3] = s[:, 0]
    y[0] = 1.0
    y[1:, ::2] = 0
    return y


def set_masked(x: Tensor) -> Tensor:
    y = x.clone()
    y[y > 0] = 7.0
    y[x[:, 0] > 0] = 5.0
    y[:, x[0] > 0] = 1.0
    return y


def scatter(x: Tensor, i: Tensor, s: Tensor) -> tuple[Tensor, ...]:
    return (
        x.scatter(1, i, s),
        x.scatter(1, i, 2.0),
        x.scatter(1, i, s, reduce="add"),
        x.scatter(1, i, 2.0, reduce="multiply"),
        x.scatter_add(1, i, s),
        x.scatter_reduce(1, i, s, "amax"),
        x.scatter_reduce(1, i, s, "mean", include_self=False),
    )


def index_writes(x: Tensor, i: Tensor, s: Tensor) -> tuple[Tensor, ...]:
    return (
        x.index_put((i,), s),
        x.index_put((i, i), s[0, :3], accumulate=True),
        x.index_add(0, i, s, alpha=2),
        x.index_copy(0, i, s),
        x.index_fill(0, i, 2.0),
        x.slice_scatter(s, 0, 1, 4),
        x.select_scatter(s[0], 0, -1),
        x.half().index_add(0, i, s.half()),
    )


SQUARE = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
ROWS = torch.tensor([2, 0, 1])
STATIC: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
    "cat": (
        lambda x, y: (torch.cat([x, y]), torch.cat([x, torch.zeros(0)])),
        (SQUARE, torch.ones(1, 4).int()),
    ),
    "pixel_shuffle": (
        lambda x: (F.pixel_shuffle(x, 2), F.pixel_unshuffle(x, 2)),
        (torch.rand(1, 4, 2, 2),),
    ),
    "one_hot": (lambda x: F.one_hot(x, 5), (ROWS,)),
    "embedding": (lambda x, w: F.embedding(x, w, padding_idx=0), (ROWS, SQUARE)),
    "triangle indices": (lambda x: x[torch.tril_indices(4, 4).unbind()], (SQUARE,)),
    "index": (
        lambda x, i: (
            x[i],
            x[:, i],
            x[i, i],
            x[:, i, :, i],
            x[None, i],
            x[i[:, None], i],
            x[0, i],
            x[i, 1:],
        ),
        (torch.rand(4, 4, 4, 4), ROWS),
    ),
    "gather": (
        lambda x, i: (x.gather(1, i), x.take_along_dim(i, 1), x.take(i), x.index_select(1, i[0])),
        (SQUARE, ROWS.repeat(4, 1)),
    ),
    "scatter": (scatter, (SQUARE, ROWS[:, None], torch.rand(3, 3))),
    "index writes": (index_writes, (SQUARE, ROWS, torch.rand(3, 4))),
    "set items": (set_items, (SQUARE, torch.rand(4, 2))),
    "set masked": (set_masked, (SQUARE,)),
    "kthvalue": (lambda x: (x.kthvalue(2), x.kthvalue(3, 0, True), x.msort()), (SQUARE,)),
    "searchsorted": (
        lambda x, y: (
            torch.searchsorted(x, y),
            torch.searchsorted(x, y, side="right"),
            torch.bucketize(y, x[0]),
        ),
        (SQUARE.sort().values, torch.rand(4, 3)),
    ),
    "windows": (
        lambda x: (F.unfold(x, (2, 3), (2, 1), (1, 2), (1, 2)), F.unfold(x[0], 2)),
        (torch.rand(2, 3, 5, 7),),
    ),
    "pad": (
        lambda x: [
            F.pad(x, (1, 2, 1, 1), mode=mode) for mode in ("reflect", "replicate", "circular")
        ],
        (torch.rand(1, 2, 4, 4),),
    ),
}


@pytest.mark.parametrize("name", STATIC)
def test_with_fixed_sizes(name: str) -> None:
    function, args = STATIC[name]
    check(Function(function), args)


class Layer(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Any:
        return self.layer(x)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("batch_first", [True, False])
def test_recurrent_layers(kind: type[nn.Module], batch_first: bool) -> None:
    torch.manual_seed(0)
    options = {"proj_size": 3} if kind is nn.LSTM and batch_first else {}
    layer = kind(5, 7, 2, batch_first=batch_first, bidirectional=True, **options)
    others = (torch.randn(2, 9, 5), torch.randn(3, 2, 5))
    check(Layer(layer), (torch.randn(4, 6, 5),), AXES, others)


def test_an_exported_lstm_with_its_own_state() -> None:
    class Stateful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LSTM(5, 8)

        def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Any:
            return self.layer(x, (h, c))

    torch.manual_seed(0)
    module = Stateful().eval()
    args = (torch.randn(4, 2, 5), torch.randn(1, 2, 8), torch.randn(1, 2, 8))
    graph = lower(decompose(torch.export.export(module, args)))  # aten.lstm, not ours
    assert [node.row.name for node in graph.nodes].count("lstm_scan") == 1
    expected = torch.utils._pytree.tree_leaves(module(*args))
    for given, one in zip(evaluate(graph, args), expected, strict=True):
        torch.testing.assert_close(given, one, rtol=1e-5, atol=1e-5)


def test_what_depends_on_data_is_refused() -> None:
    with pytest.raises(UserError):
        check(Function(lambda x: F.one_hot(x[0].abs().long())), (SQUARE,))
