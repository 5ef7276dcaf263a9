"""A finished graph to files: model.json, plan.bin and weight shards in a folder."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path
from typing import Any

import sympy
import torch

import wasm_torch_web
from wasm_torch_web.format import manifest as manifest_file
from wasm_torch_web.format.plan import PlanWriter
from wasm_torch_web.format.weights import Segment, Shards
from wasm_torch_web.ir import Graph, Node, Port, Symbol, Value
from wasm_torch_web.ops.random import STATE
from wasm_torch_web.ops.table import dtype_name


def write(
    graph: Graph,
    folder: Path,
    *,
    name: str,
    version: str,
    parameters: int,
    source_info: bool = True,
    provenance: dict[str, Any] | None = None,
    about: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Writes the files of one program `forward`; gives the manifest, golden data still missing.

    `about` is what it says of the model's `license` and `author`.
    """
    with closing(Shards(folder)) as shards:
        segment = Segment(shards, narrows=True)
        writer = plan_of(graph, segment)
        plan = writer.finish()
        if spare := manifest_file.padding(len(plan)):
            writer.string("\0" * spare)
            plan = writer.finish()
        weights = shards.finish() | {"tensors": segment.entries, "prepared": _prepared(graph)}
        weights["bytes"] += segment.saved
    (folder / "plan.bin").write_bytes(plan)
    manifest = {
        "format": manifest_file.FORMAT,
        "abi": manifest_file.ABI,
        "name": name,
        "version": version,
        **(about or {}),
        "generator": {
            "name": manifest_file.GENERATOR,
            "version": wasm_torch_web.__version__,
            "torch": torch.__version__.split("+")[0],
        },
        **({"provenance": provenance} if provenance else {}),
        "verified": None,
        "parameters": parameters,
        "plan": {
            "file": "plan.bin",
            "bytes": len(plan),
            "sha256": hashlib.sha256(plan).hexdigest(),
        },
        "weights": weights,
        "golden": None,
        **_random(graph, writer),
        **described(graph, source_info),
    }
    manifest_file.write(folder, manifest)
    return manifest


def described(graph: Graph, source_info: bool = True) -> dict[str, Any]:
    """What a manifest says of the graph itself: its symbols, its program, its values and nodes."""
    names = {symbol.symbol: sympy.Symbol(symbol.name, integer=True) for symbol in graph.symbols}
    forward = {
        "inputs": [_port(port, names) for port in graph.inputs],
        "outputs": [_port(port, names) for port in graph.outputs],
        "guards": [_guard(guard.xreplace(names)) for guard in graph.guards],
    }
    return {
        "symbols": [_symbol(symbol) for symbol in graph.symbols],
        "programs": {"forward": forward},
        "graph": _graph(graph, names, source_info),
    }


def _symbol(symbol: Symbol) -> dict[str, Any]:
    entry = {"name": symbol.name, "min": symbol.min, "max": symbol.max}
    return entry if symbol.value is None else {**entry, "decided": True}


def plan_of(graph: Graph, weights: Segment) -> PlanWriter:
    """What plan.bin says of a graph; its constants go to `weights`."""
    writer = PlanWriter(weights)
    writer.program("forward", graph)  # first: node i of the plan is node i of the manifest
    if graph.prepare:
        writer.program("prepare", Graph(nodes=graph.prepare))
    return writer


def _random(graph: Graph, writer: PlanWriter) -> dict[str, Any]:
    """Where the plan keeps what random numbers follow from, if there are any."""
    states = [state for state, _ in graph.updates if state.name == STATE]
    return {"random": {"buffer": writer.buffers[states[0]]}} if states else {}


def _prepared(graph: Graph) -> dict[str, Any]:
    values = [value for node in graph.prepare for value in node.outputs]
    sizes = [int(value.numel) * value.dtype.itemsize for value in values]
    tensors = [{"name": v.name, "bytes": size} for v, size in zip(values, sizes, strict=True)]
    return {"bytes": sum(sizes), "tensors": tensors}


def _guard(guard: sympy.Basic) -> str:
    """As a person would write it."""
    for kind, sign in ((sympy.Eq, "=="), (sympy.Ne, "!=")):
        if isinstance(guard, kind):
            return f"{guard.args[0]} {sign} {guard.args[1]}"
    return str(guard)


def _port(port: Port, names: dict[Any, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": port.name, "kind": port.kind}
    if port.kind == "tensor":
        entry.update(_described(port.value, names))
    elif port.constant:
        entry["value"] = port.value
    if port.range is not None:
        entry["range"] = list(port.range)
    if port.drawn:
        entry["drawn"] = True
    return entry


def _described(value: Value, names: dict[Any, Any]) -> dict[str, Any]:
    return {
        "dtype": dtype_name(value.dtype),
        "shape": [_text(size, names) for size in value.shape],
    }


def _text(item: Any, names: dict[Any, Any]) -> Any:
    """Numbers as they are, expressions under public names, lists item by item."""
    if isinstance(item, sympy.Basic):
        item = item.xreplace(names)
        return int(item) if item.is_Integer else str(item)
    if isinstance(item, (list, tuple)):
        return [_text(one, names) for one in item]
    if isinstance(item, torch.dtype):
        return dtype_name(item)
    if isinstance(item, float) and item in (float("inf"), float("-inf")):
        return "inf" if item > 0 else "-inf"
    return "nan" if item != item else item


def _graph(graph: Graph, names: dict[Any, Any], source_info: bool) -> dict[str, Any]:
    return {
        "values": [{"name": v.name, **_described(v, names)} for v in graph.values()],
        "nodes": [_node(node, names, source_info) for node in graph.nodes],
    }


def _node(node: Node, names: dict[Any, Any], source_info: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "op": node.row.name,
        "inputs": [None if value is None else value.name for value in node.inputs],
        "outputs": [value.name for value in node.outputs],
        "attrs": {name: _text(item, names) for name, item in node.attributes.items()},
    }
    if node.origin.module:
        entry["module"] = node.origin.module
    if source_info and node.origin.source:
        entry["source"] = node.origin.source
    return entry
