"""Random operators: captured, lowered, evaluated row by row; their distributions are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from support.lowered import Function
from torch import Tensor

from wasm_torch_web.capture import decompose, export_module
from wasm_torch_web.errors import UserError
from wasm_torch_web.interpreter import Interpreter
from wasm_torch_web.ir import Graph
from wasm_torch_web.lower import lower

COUNT = 20_000
# What draws COUNT numbers, and their mean and standard deviation.
DISTRIBUTIONS: dict[str, tuple[Callable[[Tensor], Tensor], float, float]] = {
    "rand": (lambda x: torch.rand(COUNT), 0.5, 12**-0.5),
    "rand_like": (lambda x: torch.rand_like(x, dtype=torch.float64), 0.5, 12**-0.5),
    "rand_half": (lambda x: torch.rand(COUNT, dtype=torch.float16), 0.5, 12**-0.5),
    "rand_complex": (lambda x: _parts(torch.rand(COUNT, dtype=torch.complex64)), 0.5, 12**-0.5),
    "uniform": (lambda x: x.clone().uniform_(-3, 3), 0, 3**0.5),
    "randn": (lambda x: torch.randn(COUNT), 0, 1),
    "randn_like": (torch.randn_like, 0, 1),
    "randn_complex": (lambda x: _parts(torch.randn_like(x, dtype=torch.complex128)), 0, 0.5**0.5),
    "normal": (lambda x: torch.normal(2.0, 3.0, (COUNT,)), 2, 3),
    "normal_tensor": (lambda x: torch.normal(x + 1, 2.0), 1, 2),
    "normal_tensors": (lambda x: torch.normal(x + 1, torch.tensor([0.5])), 1, 0.5),
    "normal_": (lambda x: x.clone().normal_(-1, 2), -1, 2),
    "log_normal": (lambda x: x.clone().log_normal_(0, 0.5).log(), 0, 0.5),
    "exponential": (lambda x: x.clone().exponential_(2.0), 0.5, 0.5),
    "geometric": (lambda x: x.clone().geometric_(0.25), 4, 12**0.5),
    "cauchy": (lambda x: x.clone().cauchy_(1, 2).sub(1).div(2).atan(), 0, torch.pi * 12**-0.5),
    "bernoulli": (lambda x: torch.bernoulli(x + 0.25), 0.25, (3 / 16) ** 0.5),
    "bernoulli_p": (lambda x: x.bernoulli(0.5), 0.5, 0.5),
    "randint": (lambda x: torch.randint(-2, 3, (COUNT,)), 0, 2**0.5),
    "randint_like": (lambda x: torch.randint_like(x, 4), 1.5, 1.25**0.5),
    "random_": (lambda x: x.to(torch.uint8).random_(), 127.5, 256 * 12**-0.5),
    "multinomial": (lambda x: torch.multinomial(_WEIGHTS, COUNT, replacement=True), 2.25, 0.968),
    "multinomial_rows": (lambda x: torch.multinomial(_WEIGHTS.expand(COUNT, 4), 1), 2.25, 0.968),
}
_WEIGHTS = torch.tensor([2.0, 0, 6, 8])


def _parts(x: Tensor) -> Tensor:
    return torch.view_as_real(x).reshape(-1)


def graph_of(function: Callable[[Tensor], object], count: int = COUNT) -> Graph:
    return lower(decompose(export_module(Function(function), (torch.zeros(count),), {})))


def draw(graph: Graph, runs: int = 1) -> list[dict[str, Tensor]]:
    interpreter = Interpreter(graph, {})
    (port,) = graph.inputs
    inputs = {port.name: torch.zeros(tuple(port.value.shape))}
    return [interpreter.run(inputs) for _ in range(runs)]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_mean_and_deviation(name: str) -> None:
    function, mean, deviation = DISTRIBUTIONS[name]
    (outputs,) = draw(graph_of(function))
    given = outputs["output"].double()
    assert abs(given.mean() - mean) < 5 * deviation / COUNT**0.5
    assert abs(given.std() / deviation - 1) < 0.05


def test_normal_quantiles() -> None:
    (outputs,) = draw(graph_of(torch.randn_like))
    levels = torch.tensor([0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999], dtype=torch.float64)
    below = outputs["output"].double()[:, None] < torch.special.ndtri(levels)
    assert ((below.double().mean(0) - levels).abs() < 0.01).all()


def test_without_replacement() -> None:
    weights = torch.tensor([1.0, 0, 2, 3])
    graph = graph_of(lambda x: torch.multinomial(weights.expand(1000, 4), 3))
    assert (draw(graph)[0]["output"].sort(-1).values == torch.tensor([0, 2, 3])).all()


def test_permutation() -> None:
    (outputs,) = draw(graph_of(lambda x: torch.randperm(100)))
    assert not torch.equal(outputs["output"], torch.arange(100))
    assert torch.equal(outputs["output"].sort().values, torch.arange(100))


def test_nodes_and_runs_differ_sessions_do_not() -> None:
    graph = graph_of(lambda x: (torch.rand(64), torch.rand(64)), 1)
    first, second = draw(graph, 2)
    drawn = torch.cat([first["output_0"], first["output_1"], *second.values()])
    assert drawn.unique().numel() == 256
    again, _ = draw(graph, 2)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_training_is_refused() -> None:
    with pytest.raises(UserError, match=r"aten\.\w*dropout"):
        graph_of(lambda x: F.dropout(x, 0.5, training=True))
