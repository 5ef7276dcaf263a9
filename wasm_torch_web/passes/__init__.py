"""Graph to graph: the passes in the order they run, verified after each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wasm_torch_web.control import subgraphs
from wasm_torch_web.ir import Graph
from wasm_torch_web.passes.dead_code import remove_dead_code
from wasm_torch_web.passes.duplicates import merge_duplicates
from wasm_torch_web.passes.flatten import flatten_control
from wasm_torch_web.passes.fold import fold_constants
from wasm_torch_web.passes.fuse import PATTERNS
from wasm_torch_web.passes.fuse.integers import keep_images, keep_integers, turn_integers
from wasm_torch_web.passes.join import join_in_place
from wasm_torch_web.passes.layout import choose_layouts
from wasm_torch_web.passes.noops import remove_noops
from wasm_torch_web.passes.prepare import prepare_at_load
from wasm_torch_web.passes.state import update_in_place
from wasm_torch_web.passes.storage import assign_storage
from wasm_torch_web.passes.winograd import use_winograd

Pass = Callable[[Graph], int]  # changes the graph; gives how many changes it made

# What is computed, of which operators: weights are final behind these.
SIMPLIFY: tuple[Pass, ...] = (
    remove_dead_code,
    merge_duplicates,  # a weight that is rearranged twice stays one
    keep_integers,  # before they could be folded
    turn_integers,
    keep_images,
    fold_constants,
    remove_noops,
    merge_duplicates,
    *PATTERNS,
    remove_dead_code,
)
# How, and where in memory.
ARRANGE: tuple[Pass, ...] = (
    use_winograd,
    prepare_at_load,
    update_in_place,
    choose_layouts,
    join_in_place,
    assign_storage,
    flatten_control,
)


@dataclass(frozen=True)
class Step:
    """What one pass did, for `--explain`."""

    name: str
    changes: int
    nodes: int


def run(graph: Graph, passes: Sequence[Pass] = (*SIMPLIFY, *ARRANGE)) -> list[Step]:
    """Runs the passes on the graph, verifying it after each; first on the graphs of its nodes."""
    for inner in subgraphs(graph):
        run(inner, passes)
    graph.verify("lower")
    steps = []
    for one in passes:
        changes = one(graph)
        graph.verify(one.__name__)
        steps.append(Step(one.__name__, changes, len(graph.nodes)))
    return steps
