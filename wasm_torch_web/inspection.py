"""A package or a source in, what the model is made of out: ports, operators, weights, memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.markup import escape
from rich.table import Table

from wasm_torch_web.bundle import suggest_name
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.console import bytes_text, clean, columns, shape_text
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format import writer
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.format.plan_reader import DAMAGED, Memory, PlanReader
from wasm_torch_web.opening import Notice, open_source
from wasm_torch_web.sources import Options

_LISTED = 10


@contextmanager
def compiled(path: str, options: Options, notice: Notice, dynamic: Sequence[str]) -> Iterator[Path]:
    """A source compiled into a folder that is gone afterwards: model.json, plan.bin, weights."""
    opened = open_source(path, options, notice, dynamic)
    eager = opened.reference(), opened.example()
    model = compile_program(opened.program, opened.axes, eager)
    with TemporaryDirectory() as name:
        writer.write(
            model.graph,
            Path(name),
            name=suggest_name(opened.source.name),
            version="0.0.0",
            parameters=model.parameters,
        )
        yield Path(name)


@dataclass(frozen=True)
class Inspection:
    """What `inspect` shows; `symbols` are the sizes that `memory` was computed with."""

    manifest: Manifest
    operators: Counter[str]
    memory: Memory
    symbols: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """For `--json`: weights with all their names, biggest first."""
        manifest = self.manifest
        forward = manifest["programs"]["forward"]
        return {
            "name": manifest["name"],
            "version": manifest["version"],
            "verified": manifest["verified"],
            "parameters": manifest["parameters"],
            "symbols": manifest["symbols"],
            "inputs": forward["inputs"],
            "outputs": forward["outputs"],
            "guards": forward["guards"],
            "operators": dict(self.operators.most_common()),
            "weights": {
                "bytes": manifest["weights"]["bytes"],
                "tensors": _by_size(manifest),
                "prepared": manifest["weights"]["prepared"],
            },
            "memory": vars(self.memory) | {"symbols": self.symbols},
        }

    def tables(self) -> Iterator[Table]:
        """A card, the inputs and outputs, operators, weights, memory."""
        yield _card(self.manifest)
        yield _ports(self.manifest)
        yield _operators(self.operators)
        yield _weights(self.manifest)
        yield self._memory()

    def _memory(self) -> Table:
        sizes = ", ".join(f"{name} = {size}" for name, size in self.symbols.items())
        table = columns(f"Memory of a run{f' ({sizes})' if sizes else ''}", "", "bytes>", "")
        table.show_header = False
        memory = self.memory
        places = [{"op": "start"}, *self.manifest["graph"]["nodes"], {"op": "end"}]
        place = places[memory.peak_node + 1]
        where = " in ".join(str(place[key]) for key in ("op", "module") if place.get(key))
        at = f"at {where}: the least that the arena can take, scratch memory aside"
        table.add_row("most at once", bytes_text(memory.peak), escape(clean(at)))
        table.add_row("without reuse", bytes_text(memory.total), f"{memory.buffers} buffers")
        table.add_row("weights", bytes_text(self.manifest["weights"]["bytes"]), "")
        if prepared := self.manifest["weights"]["prepared"]["bytes"]:
            table.add_row("prepared", bytes_text(prepared), "made of weights when the model loads")
        if memory.state:
            table.add_row("state", bytes_text(memory.state), "kept between runs")
        return table


def inspect(folder: Path) -> Inspection:
    """Reads a package, or the files of a compiled source; raises UserError as `manifest.read`."""
    manifest = manifests.read(folder)
    symbols = example_sizes(manifest)
    plan = manifests.content(folder, manifest["plan"])
    memory = _memory(plan, symbols, len(manifest["graph"]["nodes"]))
    operators = Counter(str(node["op"]) for node in manifest["graph"]["nodes"])
    return Inspection(manifest, operators, memory, symbols)


def _memory(plan: bytes, symbols: dict[str, int], nodes: int) -> Memory:
    try:
        reader = PlanReader(plan, list(symbols.values()))
        memory = reader.memory()
    except DAMAGED as error:
        raise UserError("plan-invalid", reason=f"it cannot be read: {error}") from error
    if memory.peak_node > nodes:
        reason = "it does not describe plan.bin"
        raise UserError("manifest-invalid", path=manifests.FILE, reason=reason)
    return memory


def example_sizes(manifest: Manifest) -> dict[str, int]:
    """Each symbol's size in the first golden case, else the smallest that it may have."""
    sizes = {symbol["name"]: int(symbol["min"]) for symbol in manifest["symbols"]}
    golden = manifest.get("golden")
    examples = golden["cases"][0]["inputs"] if golden else {}
    for port in manifest["programs"]["forward"]["inputs"]:
        given = examples.get(port["name"], {}).get("shape", ())
        for size, value in zip(port.get("shape", ()), given, strict=False):
            if size in sizes:
                sizes[size] = value
    return sizes


def _card(manifest: Manifest) -> Table:
    table = columns("", "", "")
    table.show_header = False
    verified = manifest["verified"]
    said = f"in {clean(verified['browser'])}" if verified else "no"
    table.add_row("model", f"[bold]{escape(manifest['name'])}[/] {escape(manifest['version'])}")
    table.add_row("parameters", f"{manifest['parameters']:,}")
    table.add_row("weights", bytes_text(manifest["weights"]["bytes"]))
    table.add_row("verified", escape(said))
    table.add_row("made by", f"PyTorch {escape(clean(manifest['generator']['torch']))}")
    return table


def _ports(manifest: Manifest) -> Table:
    table = columns("Inputs and outputs", "", "name", "dtype", "shape")
    forward = manifest["programs"]["forward"]
    for what, ports in (("in", forward["inputs"]), ("out", forward["outputs"])):
        for port in ports:
            shape = shape_text(port["shape"]) if "shape" in port else str(port.get("value", ""))
            dtype = port.get("dtype", port["kind"])
            table.add_row(what, escape(clean(port["name"])), dtype, escape(clean(shape)))
    for symbol in manifest["symbols"]:
        table.add_row("size", symbol["name"], "", f"{symbol['min']} to {symbol['max']}")
    for guard in forward["guards"]:
        table.add_row("must", escape(clean(guard)))
    return table


def _operators(operators: Counter[str]) -> Table:
    table = columns(f"{operators.total():,} operators", "operator", "count>")
    for name, count in operators.most_common():
        table.add_row(name, str(count))
    return table


def _weights(manifest: Manifest) -> Table:
    tensors = _by_size(manifest)
    table = columns(
        f"{len(tensors):,} weights, the largest first", "name", "dtype", "shape", "layout", "size>"
    )
    for weight in tensors[:_LISTED]:
        table.add_row(
            escape(clean(weight["name"])),
            f"{weight['dtype']}[dim], stored as {weight['storage']}[/]"
            if "storage" in weight
            else weight["dtype"],
            escape(shape_text(weight["shape"])),
            weight["layout"],
            bytes_text(weight["bytes"]),
        )
    if len(tensors) > _LISTED:
        rest = sum(weight["bytes"] for weight in tensors[_LISTED:])
        table.add_row(f"[dim]{len(tensors) - _LISTED:,} more[/]", "", "", "", bytes_text(rest))
    return table


def _by_size(manifest: Manifest) -> list[dict[str, Any]]:
    weights: list[dict[str, Any]] = manifest["weights"]["tensors"]
    return sorted(weights, key=lambda weight: -int(weight["bytes"]))
