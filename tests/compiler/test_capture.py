"""Capture: dynamic axes that stay dynamic, and the coded errors of what cannot be captured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch
from torch import Tensor, nn

from wasm_torch_web import capture
from wasm_torch_web.axes import parse_dynamic, read_sizes, sizes_that_follow
from wasm_torch_web.errors import UserError
from wasm_torch_web.pipeline import compile_program


class Module(nn.Module):
    """A module of one function."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        return self.function(*self.parts, x) if y is None else self.function(*self.parts, x, y)


def export(module: nn.Module, args: tuple[Any, ...], *dynamic: str) -> Any:
    axes = [parse_dynamic(spec) for spec in dynamic]
    program = capture.export_module(module, args, {}, axes)
    return read_sizes(program, axes), compile_program(program, axes).graph


def refusal(module: nn.Module, args: tuple[Any, ...], *dynamic: str) -> UserError:
    with pytest.raises(UserError) as caught:
        export(module, args, *dynamic)
    return caught.value


def test_axes_get_their_names_and_ranges() -> None:
    sizes, graph = export(
        Module(lambda x: x * 2), (torch.ones(1, 4),), "x.0=batch:1..8", "x.1=3..9"
    )
    assert [(s.name, s.min, s.max) for s in sizes.symbols] == [("batch", 1, 8), ("x_1", 3, 9)]
    assert [str(size) for size in graph.outputs[0].value.shape] == [
        str(s.symbol) for s in sizes.symbols
    ]


@pytest.mark.parametrize(("spec", "low", "high"), [("x.0=0..9", 0, 9), ("x.0=1..2", 1, 2)])
def test_sizes_that_torch_does_not_look_at(spec: str, low: int, high: int) -> None:
    sizes, _ = export(Module(lambda x: x * 2), (torch.ones(1, 4),), spec)
    assert [(s.min, s.max) for s in sizes.symbols] == [(low, high)]


def test_ties_found_by_torch_take_the_first_name() -> None:
    args = (torch.ones(4, 2), torch.ones(4, 2))
    sizes, _ = export(Module(lambda x, y: x + y), args, "x.0=1..9", "y.0=2..8")
    assert [(s.name, s.min, s.max) for s in sizes.symbols] == [("x_0", 2, 8)]


def test_ties_asked_for_hold_where_torch_finds_none() -> None:
    args = (torch.ones(4, 2), torch.ones(3, 2))
    module = Module(lambda x, y: x.sum() + y.sum())
    _, graph = export(module, args, "x.0=n:1..9", "y.0=n:1..9")
    x, y = (port.value.shape[0] for port in graph.inputs)
    assert x == y


def test_axis_that_the_model_fixes() -> None:
    error = refusal(Module(lambda x: x + torch.ones(2, 7)), (torch.ones(2, 7),), "x.1=1..9")
    assert (error.slug, error.exit_code) == ("axis-specialised", 1)
    assert "x.1" in error.message and "7" in error.message


@pytest.mark.parametrize(
    "spec",
    ["x", "x.0", "x.0=5", "x.0=9..2", "z.0=1..4", "x.7=1..4", "x.0=n:1..y", "x.0=20..30"],
)
def test_wrong_dynamic(spec: str) -> None:
    assert refusal(Module(lambda x: x), (torch.ones(4, 2),), spec).slug == "dynamic-spec"


def test_module_that_fails_in_eager_mode() -> None:
    error = refusal(Module(lambda x: x @ x), (torch.ones(2, 3),))
    assert error.slug == "model-failed"


def test_module_that_torch_cannot_capture() -> None:
    error = refusal(Module(lambda x: x * int(x.sum() > 0)), (torch.ones(2),))
    assert error.slug == "capture-failed"


class Remembers(nn.Module):
    """State in a plain attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(2)

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.last * 0.5 + x
        return self.last


class Caches(nn.Module):
    """An attribute that changes and changes nothing."""

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x.shape[0]
        return x * 2


def test_what_pytorch_captures_and_cannot_decompose() -> None:
    cubed = torch.func.grad(lambda x: (x**3).sum())
    assert refusal(Module(lambda x: cubed(x)), (torch.ones(3),)).slug == "capture-failed"


def test_hidden_state_is_refused_and_harmless_attributes_are_not() -> None:
    error = refusal(Remembers(), (torch.ones(2),))
    assert error.slug == "hidden-state" and "last" in error.message
    export(Caches(), (torch.ones(2),))


def test_all_unsupported_operators_at_once() -> None:
    module = Module(lambda x: torch.linalg.svd(x)[1] + torch.linalg.eigvalsh(x))
    error = refusal(module, (torch.eye(3),))
    assert error.slug == "operators-unsupported"
    assert (
        "svd" in error.message and "eigh" in error.message and "test_capture.py:" in error.message
    )


@pytest.mark.parametrize("size", [6, 7, 8])
def test_remainders_stay_as_they_were(size: int) -> None:
    """Which parts are longer follows from the remainder: capture has seen one of them."""
    module = Module(lambda x: x.tensor_split(3)[2] + 1)
    _, graph = export(module, (torch.ones(size, 2),), "x.0=3..9")
    (symbol,) = graph.symbols
    allowed = [
        n
        for n in range(symbol.min, symbol.max + 1)
        if all(guard.subs(symbol.symbol, n) == sympy.true for guard in graph.guards)
    ]
    assert size in allowed
    assert {n % 3 for n in allowed} == {size % 3}


def test_guards_are_those_that_matter() -> None:
    """Halving twice and joining asks for multiples of 4; nothing about kernels or 0 and 1."""

    def join(first: nn.Module, second: nn.Module, x: Tensor) -> Tensor:
        half = nn.functional.max_pool2d(first(x), 2)
        quarter = nn.functional.max_pool2d(second(half), 2)
        up = nn.functional.interpolate(quarter, scale_factor=2.0)
        return (
            nn.functional.interpolate(torch.cat([up, half], 1), scale_factor=2.0) + first(x)[:, :1]
        )

    convolutions = (nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))
    sizes, graph = export(
        Module(join, *convolutions), (torch.ones(1, 3, 32, 24),), "x.2=h:8..64", "x.3=w:8..64"
    )
    names = {s.symbol: s.name for s in sizes.symbols}
    texts = {str(guard.subs(names)) for guard in graph.guards}
    assert texts and all("Eq" in text for text in texts), texts
    good, bad = ({s: size for s in names} for size in (20, 18))
    assert all(guard.subs(good) for guard in graph.guards)
    assert not all(guard.subs(bad) for guard in graph.guards)


def test_one_tensor_for_two_inputs() -> None:
    x = torch.ones(4, 2)
    _, graph = export(Module(lambda x, y: x.sum() + y[:3].sum()), (x, x), "x.0=3..9")
    assert [isinstance(port.value.shape[0], int) for port in graph.inputs] == [False, True]


def test_numbers_that_export_fixes() -> None:
    """A program without any tensor, and an input that is none of the package's."""
    compiled = compile_program(capture.export_module(Module(lambda x: x + 1), (3,), {}))
    assert [(port.value, port.constant) for port in compiled.graph.outputs] == [(4, True)]
    assert compiled.signature.constants == {"x": 3} and not compiled.graph.inputs


class Numbers(nn.Module):
    """An int that is a value, or asked about."""

    def __init__(self, branches: bool) -> None:
        super().__init__()
        self.branches = branches

    def forward(self, x: Tensor, n: int) -> Tensor:
        if self.branches and n < 0:
            return x
        return x * (n % 3) + max(n, -1)


@pytest.mark.parametrize("example", [3, -2])
@pytest.mark.parametrize("branches", [False, True])
def test_dynamic_ints_may_be_negative_unless_the_code_depends_on_it(
    example: int, branches: bool
) -> None:
    if branches and example < 0:
        return  # torch.export refuses it
    shapes = {"x": None, "n": torch.export.Dim.DYNAMIC}
    args = (torch.ones(4), example)
    program = torch.export.export(Numbers(branches), args, dynamic_shapes=shapes)
    graph = compile_program(program).graph
    (n,) = graph.symbols
    assert (n.name, n.min < -(10**9), n.max > 10**9) == ("n", True, True)
    assert [str(guard.subs(n.symbol, 7)) for guard in graph.guards] == ["True"] * branches
    assert all(guard.subs(n.symbol, -1) == sympy.false for guard in graph.guards)
    full = [node.attributes["value"] for node in graph.nodes if node.row.name == "full"]
    values = {int(value.subs(n.symbol, -2)) for value in full}
    assert values == {1, -1}  # -2 % 3 in Python, and the maximum


def test_two_sizes_of_one_name() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, x_0: int) -> Tensor:
            return x + x_0

    shapes = {"x": {0: torch.export.Dim.DYNAMIC}, "x_0": torch.export.Dim.DYNAMIC}
    program = torch.export.export(Two(), (torch.ones(4), 3), dynamic_shapes=shapes)
    with pytest.raises(UserError, match="two sizes are named x_0"):
        read_sizes(program)


def test_which_axis_costs() -> None:
    net = nn.Sequential(*(nn.Conv2d(2, 2, 3, stride=2, padding=1) for _ in range(3)))
    axes = [parse_dynamic(spec) for spec in ("input.0=1..8", "input.3=32..64")]
    program = capture.export_module(net, (torch.zeros(2, 2, 32, 32),), {}, axes)
    assert sizes_that_follow(program, axes) == {"input.3": 3}
