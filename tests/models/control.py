"""Modules whose flow the data decides, as torch.export records them; inputs that take every way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._higher_order_ops import scan, while_loop
from torch._higher_order_ops.map import map as map_slices


@dataclass
class Flow:
    """A module, inputs to run on (the first ones are the example), and its dynamic axes."""

    module: nn.Module
    runs: list[tuple[Any, ...]]
    dynamic: tuple[str, ...] = ()


class Function(nn.Module):
    """A function of tensors and a linear layer."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.function = function

    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        return self.function(self.linear, x) if y is None else self.function(self.linear, x, y)


def _rows(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))


def _both(linear: nn.Module, x: Tensor) -> Any:
    def positive(x: Tensor) -> tuple[Tensor, Tensor]:
        return linear(x).relu(), x.sum()

    def other(x: Tensor) -> tuple[Tensor, Tensor]:
        return x.cos() - 1, x.mean()

    return torch.cond(x.sum() > 0, positive, other, (x,))


def _nested(linear: nn.Module, x: Tensor) -> Any:
    def inner(x: Tensor) -> Tensor:
        return torch.cond(x.max() > 3, lambda x: linear(x), lambda x: x.clone(), (x,))

    return torch.cond(x.sum() > 0, inner, lambda x: x - 1, (x,))


def _by_size(linear: nn.Module, x: Tensor) -> Any:
    return torch.cond(x.shape[0] > 4, lambda x: x + x.shape[0], lambda x: linear(x), (x,))


def _ints(linear: nn.Module, x: Tensor) -> Any:
    def swap(x: Tensor) -> tuple[Tensor, Tensor]:
        return x * 3, x > 2

    return torch.cond((x > 0).all(), swap, lambda x: (x // 2, x < 2), (x,))


def _doubling(linear: nn.Module, x: Tensor, n: Tensor) -> Any:
    def holds(i: Tensor, x: Tensor) -> Tensor:
        return i < n

    def step(i: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return i + 1, linear(x).tanh()

    return while_loop(holds, step, (torch.zeros((), dtype=torch.int64), x))


def _fibonacci(linear: nn.Module, n: Tensor) -> Any:
    def step(i: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return i - 1, b.clone(), a + b

    zero = torch.zeros((), dtype=torch.int64)
    return while_loop(lambda i, a, b: i > 0, step, (n.clone(), zero, zero + 1))


def _numbers(linear: nn.Module, x: Tensor) -> Any:
    def step(i: int, x: Tensor) -> tuple[int, Tensor]:
        return i + 2, x * i + 1

    return while_loop(lambda i, x: i < 7, step, (1, x + 0))


def _both_kinds(linear: nn.Module, x: Tensor) -> Any:
    """A choice in a loop in a loop."""

    def inner(j: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return j + 1, torch.cond(x.sum() > 0, lambda x: x - 1, lambda x: x * 0.5 + 3, (x,))

    def outer(i: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        _, y = while_loop(lambda j, x: j < 3, inner, (i * 0, x + 0))
        return i + 1, y

    return while_loop(lambda i, x: i < 4, outer, (torch.zeros((), dtype=torch.int64), x + 0))


def _cumulative(linear: nn.Module, x: Tensor) -> Any:
    def step(carry: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        new = linear(carry).tanh() + row
        return new, new * 2

    return scan(step, torch.zeros(4), x, dim=0)


def _trees(linear: nn.Module, x: Tensor, y: Tensor) -> Any:
    def step(carry: Any, slices: Any) -> Any:
        a, count = carry
        new = {"a": a * 0.5 + slices["x"], "b": slices["y"] + count}
        return (new["a"].clone(), count + 1), new

    start = (torch.ones(4), torch.zeros((), dtype=torch.int64))
    return scan(step, start, {"x": x, "y": y}, dim=0, reverse=True)


def _mapped(linear: nn.Module, x: Tensor, y: Tensor) -> Any:
    return map_slices(lambda row, y: (linear(row) + y, row > 0), x, y)


def _found(linear: nn.Module, x: Tensor) -> Any:
    """Sizes that the data decides, inside a choice."""

    def few(x: Tensor) -> Tensor:
        return x[x > 0].sum() + x.sum()

    return torch.cond(x.sum() > 0, few, lambda x: x.sum(), (x,))


def _bounds(linear: nn.Module, x: Tensor, n: Tensor) -> Any:
    """Slices and slices of slices by a number of the data, negative and too large ones too."""
    bound = n.item()
    lengths = (x[:bound].sum(0), x[bound:], x[bound::2] * 2, linear(x)[:, bound:3])
    return *lengths, x[bound : bound + 2].relu()


def _checked(linear: nn.Module, x: Tensor, n: Tensor) -> Any:
    """What a bound within the size allows: rows by index, pieces, windows from the end."""
    bound = n.item()
    torch._check(bound >= 1)
    torch._check(bound <= 3)
    rest = linear(x).split([bound, 4 - bound], 1)
    return (
        x[:bound],
        x[-bound:],
        x[bound - 3],
        x.narrow(0, bound, 2),
        [part.sum(1) for part in rest],
    )


def _shared(linear: nn.Module, x: Tensor, n: Tensor) -> Any:
    """What is carried is also closed over, itself and as a view."""

    def add(i: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return i - 1, y + x

    def add_row(carry: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        return carry + row * x[0], carry * row

    _, y = while_loop(lambda i, y: i > n - 3, add, (n, x))
    last, rows = scan(add_row, x[0], x, dim=0)
    return y, last, rows, torch.cond(n > 3, lambda v: v + x, lambda v: v - x, (x.view(-1, 4),))


def _count(n: int) -> Tensor:
    return torch.tensor(n)


def flows() -> dict[str, Flow]:
    """By name."""
    rows = ("x.0=rows:1..64",)
    either = [(_rows(3),), (-_rows(3).abs(),), (_rows(3).abs() + 3,)]
    sizes = [(_rows(n, n),) for n in (3, 1, 4, 5, 17)]
    return {
        "both": Flow(Function(_both), either),
        "both-dynamic": Flow(Function(_both), [*either, (_rows(5).abs(),), (_rows(1),)], rows),
        "nested": Flow(Function(_nested), either),
        "by-size": Flow(Function(_by_size), sizes, rows),
        "ints": Flow(Function(_ints), [(torch.arange(1, 5),), (torch.arange(-2, 2),)]),
        "while": Flow(
            Function(_doubling), [(_rows(3), _count(n)) for n in (5, 0, 1, 50)], ("x.0=rows:1..64",)
        ),
        "fibonacci": Flow(Function(_fibonacci), [(_count(n),) for n in (7, 0, 1, 60)]),
        "numbers": Flow(Function(_numbers), [(_rows(3),)]),
        "both-kinds": Flow(Function(_both_kinds), either),
        "scan": Flow(Function(_cumulative), [(_rows(3),), (_rows(3, 1),)]),
        "scan-dynamic": Flow(Function(_cumulative), sizes, rows),
        "scan-trees": Flow(Function(_trees), [(_rows(6), torch.arange(6))]),
        "map": Flow(
            Function(_mapped),
            [(_rows(n, n), _rows(2)) for n in (3, 1, 9)],
            rows,
        ),
        "bounds": Flow(
            Function(_bounds), [(_rows(6), _count(n)) for n in (2, 0, 5, 6, 9, -1, -4, -9)]
        ),
        "bounds-dynamic": Flow(
            Function(_bounds),
            [(_rows(n), _count(at)) for n, at in ((6, 2), (3, 7), (9, -2))],
            ("x.0=rows:2..64",),
        ),
        "checked": Flow(Function(_checked), [(_rows(6), _count(n)) for n in (2, 1, 3)]),
        "shared": Flow(Function(_shared), [(_rows(3), _count(n)) for n in (5, 1)]),
        "decided-inside": Flow(Function(_found), either),
    }
