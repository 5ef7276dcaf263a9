"""A program and what is to be quantised in, what the package's outputs must be out.

Neither eager PyTorch nor the kernels: the simplified graph with the same rounded weights, each row
by its reference in PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from wasm_torch_web import passes
from wasm_torch_web.compiler import lowered
from wasm_torch_web.drawn import interpreter_for
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.interpreter import Interpreter
from wasm_torch_web.ir import Graph
from wasm_torch_web.opening import Opened
from wasm_torch_web.ops.random import STATE
from wasm_torch_web.quantize.apply import apply
from wasm_torch_web.quantize.spec import Spec, spec_of
from wasm_torch_web.verify.reference import Flat, Reference


@dataclass(frozen=True)
class Quantized:
    """A Reference. What is drawn follows from the seed of PyTorch's own generator, as the package
    draws it from that seed."""

    graph: Graph

    def __call__(self, runs: Sequence[Flat]) -> list[Flat]:
        """Each run finds the state that the one before has left."""
        interpreter = begun(self.graph, runs[0])
        return [interpreter.run(run) for run in runs]


def begun(graph: Graph, inputs: Flat) -> Interpreter:
    """At the sizes of these inputs, before the first run; what is drawn follows from the seed of
    PyTorch's own generator."""
    interpreter = interpreter_for(graph, inputs)
    for state, _ in graph.updates:
        if state.name == STATE:
            interpreter.states[state] = torch.tensor(torch.initial_seed(), dtype=torch.int64)
    return interpreter


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
    return opened.reference() if spec is None else quantized_reference(opened, spec)


def quantized_reference(opened: Opened, spec: Spec) -> Quantized:
    """Lowers the program anew: the passes behind change graphs in place. `spec` has a mix."""
    graph = lowered(opened.program, opened.axes)
    passes.run(graph, passes.SIMPLIFY)
    apply(graph, spec.mix or {}, spec.ranges)
    return Quantized(graph)
