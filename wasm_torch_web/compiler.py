"""A captured program in, an optimised graph with its layouts and memory decided out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch.export import ExportedProgram

from wasm_torch_web import capture, passes, signature
from wasm_torch_web.axes import DynamicAxis, input_fakes, read_sizes
from wasm_torch_web.control import all_subgraphs, inherit_symbols
from wasm_torch_web.decided import limit_decided
from wasm_torch_web.drawn import mark_drawn
from wasm_torch_web.guards import runtime_guards
from wasm_torch_web.ir import Graph
from wasm_torch_web.lower import lower
from wasm_torch_web.needless import drop_needless_guards
from wasm_torch_web.passes import Step
from wasm_torch_web.quantize.apply import quantize
from wasm_torch_web.quantize.spec import Spec
from wasm_torch_web.quantize.way import Weight
from wasm_torch_web.verify.reference import Flat, Reference


@dataclass
class Compiled:
    """A model between capture and files; `weights` are those that were to be quantised."""

    graph: Graph
    signature: signature.Signature
    steps: list[Step]
    parameters: int
    weights: list[Weight] = field(default_factory=list)


def compile_program(
    program: ExportedProgram,
    axes: Sequence[DynamicAxis] = (),
    eager: tuple[Reference, Flat] | None = None,
    spec: Spec | None = None,
) -> Compiled:
    """Decomposes, lowers and optimises; `axes` are those that have a name.

    `eager`, PyTorch and example inputs, is asked which guards on sizes are needless; without it all
    of them stay. `spec` says how weights get fewer bits.

    Errors: operators-unsupported and the others of `lower`, axis-specialised, name-collision,
    quantize-skip.
    """
    graph = lowered(program, axes)
    if eager is not None:
        drop_needless_guards(graph, *eager)
    names = signature.read(program)
    parameters = sum(p.numel() for p in {id(p): p for p in program.parameters()}.values())
    steps = passes.run(graph, passes.SIMPLIFY)
    weights = [] if spec is None else quantize(graph, spec)
    steps += passes.run(graph, passes.ARRANGE)
    return Compiled(graph, names, steps, parameters, weights)


def lowered(program: ExportedProgram, axes: Sequence[DynamicAxis] = ()) -> Graph:
    """The graph as `compile_program` has it before the passes."""
    decomposed = capture.decompose(program)
    graph = lower(decomposed)
    sizes = read_sizes(decomposed, axes)
    graph.guards += runtime_guards(program, input_fakes(decomposed), sizes.symbols)
    graph.symbols = [*sizes.symbols, *graph.symbols]
    inherit_symbols(graph)
    for one in [graph, *all_subgraphs(graph)]:
        one.substitute(sizes.ties)
        limit_decided(one)
    mark_drawn(graph)
    return graph
