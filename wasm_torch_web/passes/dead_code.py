"""Removes nodes whose outputs nobody reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from wasm_torch_web.control import subgraphs
from wasm_torch_web.ir import Graph


def remove_dead_code(graph: Graph) -> int:
    """Keeps what outputs and states depend on; gives the number of nodes removed."""
    _forget_symbols(graph)
    needed = set(graph.results())
    kept = []
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.outputs):
            kept.append(node)
            needed.update(value for value in node.inputs if value is not None)
    removed = len(graph.nodes) - len(kept)
    graph.nodes = kept[::-1]
    return removed


def _forget_symbols(graph: Graph) -> None:
    """Sizes that the data decides and nothing mentions need not be known."""
    if not graph.decisive():
        return
    mentioned: set[sympy.Basic] = set()
    for item in _sizes(graph):
        mentioned |= getattr(item, "free_symbols", set())
    graph.symbols = [s for s in graph.symbols if s.value is None or s.symbol in mentioned]


def _sizes(graph: Graph) -> Iterator[Any]:
    yield from graph.guards
    yield from (port.value for port in graph.outputs)
    for node in graph.nodes:
        for item in node.attributes.values():
            yield from item if isinstance(item, (list, tuple)) else [item]
        for value in node.outputs:
            yield from value.shape
    for inner in subgraphs(graph):
        yield from _sizes(inner)
