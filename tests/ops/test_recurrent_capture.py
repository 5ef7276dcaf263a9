"""Recurrent layers stay whole through capture: batch and time stay free, results stay PyTorch's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, default_decompositions, export

from wasm_torch_web.errors import UserError
from wasm_torch_web.ops import LOWERINGS
from wasm_torch_web.recurrent_capture import keep_recurrent_whole

LAYERS = {
    "lstm": lambda: nn.LSTM(5, 7),
    "lstm batch first": lambda: nn.LSTM(5, 7, batch_first=True),
    "lstm bidirectional, 2 layers": lambda: nn.LSTM(5, 7, 2, bidirectional=True),
    "lstm projected": lambda: nn.LSTM(5, 7, 2, proj_size=3, batch_first=True, bidirectional=True),
    "lstm without biases": lambda: nn.LSTM(5, 7, bias=False),
    "gru": lambda: nn.GRU(5, 7, 2, batch_first=True, bidirectional=True),
    "rnn tanh": lambda: nn.RNN(5, 7),
    "rnn relu": lambda: nn.RNN(5, 7, nonlinearity="relu", batch_first=True),
}


class Layer(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.layer(x)


def capture(module: nn.Module) -> ExportedProgram:
    shapes = {"x": {0: Dim.DYNAMIC(min=1, max=64), 1: Dim.DYNAMIC(min=1, max=64)}}
    with keep_recurrent_whole():
        return export(module, (torch.zeros(4, 6, 5),), dynamic_shapes=shapes)


def leaves(result: tuple[Tensor, ...]) -> list[Tensor]:
    return torch.utils._pytree.tree_leaves(result)


@pytest.mark.parametrize("name", LAYERS)
def test_both_axes_stay_dynamic_and_results_equal_eager(name: str) -> None:
    torch.manual_seed(0)
    module = Layer(LAYERS[name]()).eval()
    table = {op: f for op, f in default_decompositions().items() if str(op) not in LOWERINGS}
    captured = capture(module)
    for program in (captured, captured.run_decompositions(table)):
        targets = [str(node.target) for node in program.graph.nodes]
        assert sum(target.startswith("wtw.") for target in targets) == 1
        (x,) = [n for n in program.graph.nodes if n.op == "placeholder" and n.name == "x"]
        assert all(isinstance(size, torch.SymInt) for size in x.meta["val"].shape[:2])
        for shape in ((1, 9, 5), (3, 1, 5)):
            data = torch.randn(shape)
            for given, expected in zip(
                leaves(program.module()(data)), leaves(module(data)), strict=True
            ):
                torch.testing.assert_close(given, expected, rtol=0, atol=1e-6)


def test_packed_sequences_are_refused() -> None:
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LSTM(5, 7)

        def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths)
            return nn.utils.rnn.pad_packed_sequence(self.layer(packed)[0])[0]

    with keep_recurrent_whole(), pytest.raises(UserError) as caught:
        export(Packed(), (torch.zeros(4, 2, 5), torch.tensor([4, 2])))
    assert caught.value.slug == "packed-sequence"


def test_data_packed_outside_is_refused_too() -> None:
    packed = nn.utils.rnn.pack_padded_sequence(torch.zeros(4, 2, 5), torch.tensor([4, 2]))
    with keep_recurrent_whole(), pytest.raises(UserError) as caught:
        nn.GRU(5, 7)(packed)
    assert caught.value.slug == "packed-sequence"


def test_torch_is_left_as_it_was() -> None:
    before = torch.nn.modules.rnn._VF
    with pytest.raises(ZeroDivisionError), keep_recurrent_whole():
        raise ZeroDivisionError
    assert torch.nn.modules.rnn._VF is before
