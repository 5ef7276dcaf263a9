"""What a random program is: inputs, calls, and which results are its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

Ref = tuple[int, int]  # a node, and which of its outputs
Sizes = Mapping[str, int]  # of dynamic axes, by name
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Input:
    """A tensor that the program is given; a size that is a text is dynamic."""

    shape: tuple[int | str, ...]
    dtype: torch.dtype
    seed: int

    def make(self, sizes: Sizes, turn: int = 0) -> Tensor:
        """Random numbers: integers from -4 to 9, other than them none above 4."""
        generator = torch.Generator().manual_seed(1000 * self.seed + turn)
        shape = [sizes[size] if isinstance(size, str) else size for size in self.shape]
        if self.dtype == torch.bool:
            return torch.rand(shape, generator=generator) < 0.5
        if self.dtype in FLOATS:
            return torch.randn(shape, generator=generator).clamp(-4, 4).to(self.dtype)
        low = 0 if self.dtype == torch.uint8 else -4
        return torch.randint(low, 10, shape, generator=generator).to(self.dtype)


@dataclass(frozen=True)
class Call:
    """An operator of `operators.OPERATORS`, what it is called on, and with what."""

    operator: str
    on: tuple[Ref, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    module: tuple[str, Mapping[str, Any]] | None = None  # a class and its arguments
    seed: int = 0  # of the module's weights


Node = Input | Call | None  # None: left out


@dataclass(frozen=True)
class Program:
    nodes: tuple[Node, ...]
    outputs: tuple[Ref, ...]

    @property
    def inputs(self) -> list[Input]:
        return [node for node in self.nodes if isinstance(node, Input)]

    @property
    def calls(self) -> list[Call]:
        return [node for node in self.nodes if isinstance(node, Call)]

    @property
    def symbols(self) -> list[str]:
        """The dynamic sizes, in the order in which inputs have them."""
        named = [size for one in self.inputs for size in one.shape if isinstance(size, str)]
        return list(dict.fromkeys(named))

    def make(self, sizes: Sizes, turn: int = 0) -> tuple[Tensor, ...]:
        return tuple(one.make(sizes, turn) for one in self.inputs)

    def dynamic(self, names: Sequence[str], most: int) -> list[str]:
        """The texts of `--dynamic`, `names` being those of the inputs."""
        return [
            f"{name}.{axis}={size}:1..{most}"
            for name, one in zip(names, self.inputs, strict=True)
            for axis, size in enumerate(one.shape)
            if isinstance(size, str)
        ]

    def __str__(self) -> str:
        lines = [f"  {i}: {_text(node)}" for i, node in enumerate(self.nodes) if node is not None]
        return "\n".join([*lines, f"  outputs {list(self.outputs)}"])


def joined(programs: Sequence[Program]) -> Program:
    """All of them in one, side by side: what is built costs more for a program than for a call."""
    nodes: list[Node] = []
    outputs: list[Ref] = []
    for program in programs:
        first = len(nodes)
        for node in program.nodes:
            if isinstance(node, Call):
                node = replace(node, on=_moved(node.on, first))
            nodes.append(node)
        outputs += _moved(program.outputs, first)
    return Program(tuple(nodes), tuple(outputs))


def _moved(refs: Sequence[Ref], first: int) -> tuple[Ref, ...]:
    return tuple((node + first, output) for node, output in refs)


def _text(node: Node) -> str:
    if isinstance(node, Input):
        return f"input {list(node.shape)} {str(node.dtype).removeprefix('torch.')}"
    assert isinstance(node, Call)
    made = "" if node.module is None else f" {node.module[0]} {dict(node.module[1])}"
    return f"{node.operator}{list(node.on)} {dict(node.options)}{made}"
