"""Writes 400 MB of weights; prints by how much the peak memory grew, and the largest tensor."""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

import torch

from wasm_torch_web.format.writer import write
from wasm_torch_web.ir import Graph, Node, Port, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.passes.layout import choose_layouts

WIDTH, LAYERS = 5120, 4


def chain() -> Graph:
    """Linear layers, one after the other."""
    row = ROWS["linear"]
    attributes = {attribute.name: attribute.default for attribute in row.attributes}
    graph = Graph()
    x = Value("x", torch.float32, (1, WIDTH), "input")
    graph.inputs = [Port("x", "tensor", x)]
    for i in range(LAYERS):
        data = torch.full((WIDTH, WIDTH), float(i))
        weight = Value(f"w{i}", torch.float32, (WIDTH, WIDTH), "constant", data)
        node = Node(row, [x, weight, None, None], attributes, [])
        x = Value(f"y{i}", torch.float32, (1, WIDTH))
        node.outputs, x.producer = [x], node
        graph.nodes.append(node)
    graph.outputs = [Port("y", "tensor", x)]
    choose_layouts(graph)
    assert all(node.inputs[1].groups == 1 for node in graph.nodes)  # packed: a copy is made
    return graph


def peak() -> int:
    """Bytes (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


graph = chain()
before = peak()
with tempfile.TemporaryDirectory() as folder:
    write(graph, Path(folder), name="chain", version="0.0.0", parameters=0)
print(peak() - before, 4 * WIDTH * WIDTH)
