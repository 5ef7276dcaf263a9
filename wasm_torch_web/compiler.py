"""A captured program in, an optimised graph with its layouts and memory decided out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from wasm_torch_web.verify.reference import Flat, Reference


@dataclass
class Compiled:
    """A model between capture and files: behind `passes.SIMPLIFY`, where weights are final, or
    behind all passes."""

    graph: Graph
    signature: signature.Signature
    steps: list[Step]
    parameters: int


def compile_program(
    program: ExportedProgram,
    axes: Sequence[DynamicAxis] = (),
    eager: tuple[Reference, Flat] | None = None,
) -> Compiled:
    """Decomposes, lowers and optimises; `axes` are those that have a name.

    `eager`, PyTorch and example inputs, is asked which guards on sizes are needless; without it all
    of them stay.

    Errors: operators-unsupported and the others of `lower`, axis-specialised, name-collision.
    """
    return arranged(simplified(program, axes, eager))


def simplified(
    program: ExportedProgram,
    axes: Sequence[DynamicAxis] = (),
    eager: tuple[Reference, Flat] | None = None,
) -> Compiled:
    """The first half of `compile_program`: what is computed, of which operators and weights."""
    graph = lowered(program, axes)
    if eager is not None:
        drop_needless_guards(graph, *eager)
    names = signature.read(program)
    parameters = sum(p.numel() for p in {id(p): p for p in program.parameters()}.values())
    return Compiled(graph, names, passes.run(graph, passes.SIMPLIFY), parameters)


def arranged(model: Compiled) -> Compiled:
    """The second half, which decides how and where in memory; changes the graph."""
    return replace(model, steps=model.steps + passes.run(model.graph, passes.ARRANGE))


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
