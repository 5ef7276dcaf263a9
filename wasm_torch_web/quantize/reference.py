"""A program and what is to be quantised in, what the package's outputs must be out.

Neither eager PyTorch nor the kernels: the simplified graph with the same rounded weights, each row
by its reference in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sympy import Symbol
from torch import Tensor

from wasm_torch_web import passes
from wasm_torch_web.compiler import lowered
from wasm_torch_web.drawn import begun
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.interpreter import Interpreter
from wasm_torch_web.ir import Graph, Node
from wasm_torch_web.opening import Opened
from wasm_torch_web.quantize.apply import apply
from wasm_torch_web.quantize.spec import Spec, spec_of
from wasm_torch_web.verify.reference import Flat, Reference, Truth

# What sums in another order move a float by, about.
NOISE = 2.0**-20
SHAKEN_RUNS = 4
# Of rows that give what they get, or whole numbers times a scale: nothing is summed up.
EXACT = ("copy", "creation", "embedding", "gather", "indexing", "shape", "static", "views")


@dataclass(frozen=True)
class Quantized:
    """A Reference. What is drawn follows from the seed of PyTorch's own generator, as the package
    draws it from that seed."""

    graph: Graph

    def __call__(self, runs: Sequence[Flat]) -> list[Flat]:
        """Each run finds the state that the one before has left."""
        interpreter = begun(self.graph, runs[0])
        return [interpreter.run(run) for run in runs]

    @property
    def truth(self) -> Truth:
        """The same with moved floats, which only tell how far rounding may lead: hence twice."""
        return Truth(self.shaken, f"floats moved by 2^{math.log2(NOISE):.0f}", 2.0)

    def shaken(self, runs: Sequence[Flat]) -> list[Flat]:
        """What this may be where sums have another order, in float64; of some tries, that which is
        furthest from it.

        A number that is almost in the middle between two integers becomes one or the other, and
        all that follows moves by a step: nobody is wrong.
        """
        usual = self(runs)
        tries = []
        for seed in range(SHAKEN_RUNS):
            interpreter = begun(self.graph, runs[0])
            shaken = Shaken(self.graph, interpreter.sizes, seed)
            shaken.states = interpreter.states
            tries.append([shaken.run(run) for run in runs])
        furthest = max(tries, key=lambda outputs: _distance(usual, outputs))
        return [{name: _wide(value) for name, value in one.items()} for one in furthest]


@dataclass(frozen=True)
class Stepped:
    """A Reference: eager PyTorch, of a program that makes floats whole numbers itself."""

    eager: Reference
    opened: Opened

    def __call__(self, runs: Sequence[Flat]) -> list[Flat]:
        """As eager PyTorch has it."""
        return self.eager(runs)

    @property
    def truth(self) -> Truth:
        """The same program with moved floats."""
        return Quantized(_simplified(self.opened)).truth


class Shaken(Interpreter):
    """Each float that was summed up or multiplied is moved by up to NOISE of it; whole numbers,
    which are exact, stay."""

    def __init__(self, graph: Graph, sizes: Mapping[Symbol, int], seed: int) -> None:
        super().__init__(graph, sizes)
        self.dice = torch.Generator().manual_seed(seed)

    def node(self, node: Node) -> None:
        """Computes the node's outputs."""
        super().node(node)
        for value in node.outputs if node.row.family not in EXACT else ():
            data = self.values[value]
            if data.dtype == torch.float32:
                noise = torch.rand(data.shape, generator=self.dice) * (2 * NOISE) - NOISE
                self.values[value] = torch.where(data == data.round(), data, data * (1 + noise))


def _distance(ours: Sequence[Flat], theirs: Sequence[Flat]) -> float:
    pairs = [(a[name], b[name]) for a, b in zip(ours, theirs, strict=True) for name in a]
    distances = [(_wide(a) - b).abs().nan_to_num(0, 0, 0).max() for a, b in pairs if _moves(a)]
    return max(map(float, distances), default=0.0)


def _moves(value: Tensor | float) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.numel() > 0


def _wide(value: Any) -> Any:
    return value.double() if _moves(value) else value


def seeded(reference: Reference, seed: int = 0) -> Reference:
    """The same, drawn from this seed: golden data has 0, with which a package begins."""

    def run(runs: Sequence[Flat]) -> list[Flat]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return reference(runs)

    return run


def package_reference(opened: Opened, package: Path) -> Reference:
    """What a package that was built from this source is compared with."""
    spec = spec_of(manifests.read(package))
    return source_reference(opened) if spec is None else quantized_reference(opened, spec)


def source_reference(opened: Opened) -> Reference:
    """What a package with the source's own weights is compared with."""
    names = (str(node.target) for node in opened.program.graph.nodes)
    rounds = any(name.partition(".")[2].startswith("quantize_") for name in names)
    return Stepped(opened.reference(), opened) if rounds else opened.reference()


def quantized_reference(opened: Opened, spec: Spec) -> Quantized:
    """`spec` has a mix."""
    graph = _simplified(opened)
    apply(graph, spec.mix or {}, spec.ranges)
    return Quantized(graph)


def _simplified(opened: Opened) -> Graph:
    """Lowers the program anew: the passes behind change graphs in place."""
    graph = lowered(opened.program, opened.axes)
    passes.run(graph, passes.SIMPLIFY)
    return graph
