"""A simplified graph and ranges of its values in, the same with bytes between its layers out.

Products and depthwise convolutions read and write bytes of fixed grids; between two of them no
float is written. Where floats are as fast, with what it takes to make them bytes, a layer stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.quantize import cost
from wasm_torch_web.quantize.flow import Flow, has_ranges
from wasm_torch_web.quantize.layers import (
    depthwise_weight,
    int8_loss,
    loss_text,
    product_weight,
)
from wasm_torch_web.quantize.observe import calibrate
from wasm_torch_web.quantize.static_nodes import Maker, depthwise_operands
from wasm_torch_web.quantize.way import Names, Ranges, Way, Weight, all_nodes

FASTER = "float32 is as fast"


def _weights(graph: Graph, ranges: Ranges) -> list[Weight]:
    candidates = _candidates(graph)
    others = {v for node in all_nodes(graph) if node not in candidates for v in node.inputs}
    judged = {w: _judge(w, nodes, ranges) for w, nodes in _by_weight(candidates).items()}
    possible = {n: w for n, w in candidates.items() if not judged[w][1]}
    chosen = _faster(graph, possible, ranges)
    found = []
    for weight, (loss, kept) in judged.items():
        size = 4 * int(weight.numel)
        kept = kept or ("" if weight in chosen else FASTER)
        stored = size if kept else size // 4 + (size if weight in others else 0)
        found.append(Weight(weight.name, size, stored, loss, STATIC.name, kept))
    return found


def _candidates(graph: Graph) -> dict[Node, Value]:
    """Layers of bytes, and their weights."""
    found = {}
    for node in graph.nodes:
        weight = product_weight(node)
        weight = weight if weight is not None else depthwise_weight(node)
        if weight is not None:
            found[node] = weight
    return found


def _by_weight(candidates: Mapping[Node, Value]) -> dict[Value, list[Node]]:
    found: dict[Value, list[Node]] = {}
    for node, weight in candidates.items():
        found.setdefault(weight, []).append(node)
    return found


def _judge(weight: Value, nodes: Iterable[Node], ranges: Ranges) -> tuple[float | None, str]:
    """What it loses, and why it stays float32."""
    if not all(has_ranges(node, ranges) for node in nodes):
        return None, "its input or output has no range"
    if depthwise_weight(next(iter(nodes))) is None:
        return int8_loss(weight)
    finite = weight.data is not None and bool(weight.data.isfinite().all())
    return None, "" if finite else loss_text(None)


def _faster(graph: Graph, possible: Mapping[Node, Value], ranges: Ranges) -> set[Value]:
    """The weights whose layers, all together, take the least time as bytes: each is moved to the
    other side as long as that gains something."""
    by_weight = _by_weight(possible)
    chosen = set(by_weight)
    gained = {node: cost.float32(node) - cost.static(node) for node in possible}

    def time(weights: set[Value]) -> float:
        layers = {node for node, weight in possible.items() if weight in weights}
        flow = _flow(graph, layers, ranges)
        if flow.layers != layers:
            return float("inf")
        return flow.cost() - sum(gained[node] for node in layers)

    chosen -= {possible[n] for n in set(possible) - _flow(graph, set(possible), ranges).layers}
    best = time(chosen)
    improved = True
    while improved:
        improved = False
        for weight in by_weight:
            tried = chosen ^ {weight}
            taken = time(tried)
            if taken < best:
                chosen, best, improved = tried, taken, True
    return chosen


def _flow(graph: Graph, layers: set[Node], ranges: Ranges) -> Flow:
    """Without depthwise layers whose sums are coarser than their output."""
    while True:
        flow = Flow(graph, layers, ranges)
        depthwise = {node for node in layers if node.row.name == "depthwise_conv2d"}
        coarse = {node for node in depthwise if depthwise_operands(node, flow) is None}
        if not coarse:
            return flow
        layers = layers - coarse


def _apply(graph: Graph, names: Names, ranges: Ranges) -> None:
    candidates = _candidates(graph)
    layers = {n for n, w in candidates.items() if w.name in names and has_ranges(n, ranges)}
    Maker(_flow(graph, layers, ranges)).run()


STATIC = Way("static", _weights, _apply, calibrate)
