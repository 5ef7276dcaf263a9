"""Pieces of a `cat` written where the result lies: where that may be, and that it is right."""

from __future__ import annotations

from collections import Counter

import torch
from compiler.test_capture import Module
from compiler.test_passes import compiled
from support.native_graph import run_native
from torch import Tensor, nn

from wasm_torch_web.axes import parse_dynamic
from wasm_torch_web.capture import export_module
from wasm_torch_web.ir import root
from wasm_torch_web.pipeline import compile_program

X = torch.randn(1, 6, 5, generator=torch.Generator().manual_seed(0))
IMAGE = torch.randn(1, 4, 6, 5, generator=torch.Generator().manual_seed(1))


def rows(module: nn.Module, *args: Tensor) -> Counter[str]:
    return compiled(module, args)[1]


def test_pieces_along_the_outermost_axis_are_not_copied() -> None:
    found = rows(Module(lambda x: torch.cat([x.exp(), x.tanh(), x.sin()], 1)), X)
    assert found == {"exp": 1, "tanh": 1, "sin": 1}
    assert rows(Module(lambda x: torch.stack([x.exp(), x.tanh()])), X) == {"exp": 1, "tanh": 1}
    assert rows(Module(lambda x: torch.cat([x.exp(), x.tanh()], 2)), X)["cat"] == 1


def test_the_result_may_be_read_and_joined_again() -> None:
    def twice(x: Tensor) -> tuple[Tensor, Tensor]:
        inner = torch.cat([x.exp(), x.tanh()], 1)
        return torch.cat([x.sin(), inner, x.cos()], 1).relu(), inner

    assert rows(Module(twice), X)["cat"] == 0


def test_inputs_and_constants_are_copied() -> None:
    found = rows(Module(lambda x: torch.cat([torch.ones(1, 2, 5), x, x.exp()], 1) * 2), X)
    assert found == {"exp": 1, "copy": 2, "mul": 1}
    assert rows(Module(lambda x: torch.cat([x, x], 1)), X) == {"cat": 1}


def test_a_value_twice_or_in_part_is_copied() -> None:
    def parts(x: Tensor) -> Tensor:
        y, z = x.exp(), x.tanh()
        return torch.cat([y, z[:, 1:3], y, z[:, :2], x.sin()], 1)

    assert rows(Module(parts), X) == {"exp": 1, "tanh": 1, "sin": 1, "copy": 4}


def test_a_piece_that_another_is_made_of_lies_apart() -> None:
    """An output may not share memory with its node's inputs: every other one is in place."""

    def chain(x: Tensor) -> Tensor:
        a = x.exp()
        b = a.tanh()
        return torch.cat([a, b, b.sin()], 1)

    assert rows(Module(chain), X) == {"exp": 1, "tanh": 1, "sin": 1, "copy": 1}


def test_a_piece_may_be_read_elsewhere() -> None:
    def read(x: Tensor) -> tuple[Tensor, Tensor]:
        y = x.exp()
        return torch.cat([y, x.tanh()], 1), (y + 1).sum(2)

    assert rows(Module(read), X)["cat"] == 0


def test_images_are_joined_by_rows_not_by_channels() -> None:
    convolutions = nn.ModuleList([nn.Conv2d(4, 8, 1), nn.Conv2d(4, 8, 1)])

    def joined(dim: int) -> Module:
        def run(both: nn.ModuleList, x: Tensor) -> Tensor:
            return torch.cat([both[0](x), both[1](x)], dim).relu()

        return Module(run, convolutions)

    assert rows(joined(2), IMAGE)["cat"] == 0
    assert rows(joined(1), IMAGE)["cat"] == 1


def test_empty_pieces_and_other_orders() -> None:
    def orders(x: Tensor) -> Tensor:
        return torch.cat([x.exp().transpose(0, 1), x[:0].transpose(0, 1).tanh()], 1)

    compiled(Module(orders), (torch.randn(4, 6),))
    compiled(Module(lambda x: torch.cat([x.exp()[:, :, :0], x.tanh()[:, :, :0]], 1)), (X,))


def test_lstm_states_share_a_node() -> None:
    """Two outputs of one node never share memory."""

    def states(lstm: nn.LSTM, x: Tensor) -> Tensor:
        _, (h, c) = lstm(x)
        return torch.cat([h, c], 0)

    found = rows(Module(states, nn.LSTM(5, 3, batch_first=True)), X)
    assert (found["cat"], found["copy"]) == (0, 1)


def test_views_of_inputs_are_copied() -> None:
    module = Module(lambda x: torch.cat([x[:, :2], x.exp(), x[:, 1:]], 1).relu())
    assert rows(module, X) == {"exp": 1, "copy": 2, "relu": 1}
    turned = Module(lambda x: torch.cat([x.transpose(1, 2), x.exp().transpose(1, 2)], 1).relu())
    rows(turned, X)


def test_dynamic_pieces_lie_behind_each_other() -> None:
    def joined(x: Tensor) -> Tensor:
        return torch.cat([x.exp(), x.tanh(), x[1:].sin()], 0)

    axes = [parse_dynamic("x.0=n:1..9")]
    program = export_module(Module(joined), (torch.randn(4, 3),), {}, axes)
    result = compile_program(program, axes)
    assert {node.row.name for node in result.graph.nodes} == {"exp", "tanh", "sin"}
    for size in (1, 4, 7):
        for given, expected in run_native(result, Module(joined), (torch.randn(size, 3),)):
            torch.testing.assert_close(given, expected)


def test_memory_is_what_the_result_takes() -> None:
    module = Module(lambda x: torch.cat([x.exp(), x.tanh()], 1))
    result, _ = compiled(module, (X,))
    (port,) = result.graph.outputs
    memory = {root(node.output) for node in result.graph.nodes}
    assert memory == {root(port.value)}
    assert sorted(int(node.output.offset) for node in result.graph.nodes) == [0, 30]


def test_empty_pieces_share_their_place_with_the_next_constant() -> None:
    module = Module(torch.block_diag)
    args = (torch.randn(2, 3), torch.randn(3, 2))
    graph = compile_program(export_module(module, args, {}))
    for given, expected in run_native(graph, module, args):
        assert torch.equal(given, expected)
