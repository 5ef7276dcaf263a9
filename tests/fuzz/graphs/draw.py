"""What a drawn call is made of: random choices, and tensors that are there already."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from fuzz.graphs.program import FLOATS, Ref

T = TypeVar("T")
Drawn = Mapping[str, Any]  # the options of a call
MODULE = "module"  # among them: the class and the arguments of its module
INTEGERS = (torch.int64, torch.int32, torch.uint8)
KINDS: dict[str, tuple[torch.dtype, ...]] = {
    "float": FLOATS,
    "float32": (torch.float32,),
    "int": INTEGERS,
    "int64": (torch.int64,),
    "bool": (torch.bool,),
    "number": (*FLOATS, *INTEGERS),
}


class Impossible(Exception):
    """There is no such tensor."""


class Draw:
    """One call: `pick` and its like choose what it is called on, one after the other."""

    def __init__(self, r: random.Random, values: Sequence[tuple[Ref, Tensor]]) -> None:
        self.r, self.values = r, values
        self.on: list[Ref] = []

    def pick(self, kind: str = "", rank: int | None = None, least: int = 0) -> Tensor:
        """Any tensor of that kind and rank, the newest most likely."""
        found = [
            (ref, value)
            for ref, value in self.values
            if (not kind or value.dtype in KINDS[kind])
            and (value.dim() == rank if rank is not None else value.dim() >= least)
        ]
        if not found:
            raise Impossible
        ref, value = found[-1 - min(int(self.r.expovariate(0.6)), len(found) - 1)]
        self.on.append(ref)
        return value

    def alike(self, x: Tensor) -> Tensor:
        """A tensor of x's shape and dtype, perhaps the same."""
        found = [(ref, v) for ref, v in self.values if v.shape == x.shape and v.dtype == x.dtype]
        ref, value = self.r.choice(found)
        self.on.append(ref)
        return value

    def partner(self, x: Tensor, kind: str) -> Tensor:
        """A tensor that may broadcast with x; one that is alike, more often than not."""
        return self.alike(x) if self.r.random() < 0.6 else self.pick(kind)

    def one(self, choices: Sequence[T]) -> T:
        return self.r.choice(choices)

    def coin(self) -> bool:
        return self.r.random() < 0.5

    def axis(self, x: Tensor) -> int:
        return self.r.randrange(x.dim())

    def axes(self, x: Tensor) -> list[int]:
        """One or more."""
        return sorted(self.r.sample(range(x.dim()), self.r.randint(1, min(2, x.dim()))))

    def module(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The options of a call of a module of that class."""
        return {MODULE: (name, arguments)}


@dataclass(frozen=True)
class Operator:
    """`call` takes the module, if the draw named one, then the tensors, and the options."""

    draw: Callable[[Draw], Drawn]
    call: Callable[..., Any]
