"""A captured program in, an optimised graph with its layouts and memory decided out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch.export import ExportedProgram

from wasm_torch_web import capture, passes, signature
from wasm_torch_web.axes import DynamicAxis, input_fakes, read_sizes
from wasm_torch_web.guards import runtime_guards
from wasm_torch_web.ir import Graph
from wasm_torch_web.lower import lower
from wasm_torch_web.passes import Step


@dataclass
class Compiled:
    """A model between capture and files."""

    graph: Graph
    signature: signature.Signature
    steps: list[Step]
    parameters: int


def compile_program(program: ExportedProgram, axes: Sequence[DynamicAxis] = ()) -> Compiled:
    """Decomposes, lowers and optimises; `axes` are those that have a name.

    Errors: operators-unsupported and the others of `lower`, axis-specialised, name-collision.
    """
    decomposed = capture.decompose(program)
    graph = lower(decomposed)
    sizes = read_sizes(decomposed, axes)
    graph.symbols = sizes.symbols
    graph.substitute(sizes.ties)
    graph.guards = runtime_guards(program, input_fakes(decomposed), graph.symbols)
    names = signature.read(program)
    parameters = sum(p.numel() for p in {id(p): p for p in program.parameters()}.values())
    return Compiled(graph, names, passes.run(graph), parameters)
