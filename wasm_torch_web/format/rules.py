"""A manifest that fits the schema in, what is wrong with it nevertheless out: sums, extents, names
and what golden data is of. js_runtime/src/rules.ts has the same rules in the same words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from wasm_torch_web.format.schema import path_name
from wasm_torch_web.format.stored import extent, pieces

Json = dict[str, Any]

_ALIGNMENT = 64
_MOST_RANDOM = 1 << 30  # bytes of a golden input that is drawn
_MOST_SPAN = 1 << 32  # of integers that are drawn
_SAFE = 1 << 53  # up to here JavaScript's numbers are exact


def faults(manifest: Json) -> Iterator[str]:
    """The first is the one to tell; the later rules rely on the earlier ones."""
    yield from _symbols(manifest["symbols"])
    yield from _files(manifest)
    for program in manifest["programs"].values():
        yield from _unique("inputs", [port["name"] for port in program["inputs"]])
        yield from _unique("outputs", [port["name"] for port in program["outputs"]])
    yield from _weights(manifest["weights"])
    yield from _shards(manifest["weights"])
    yield from _graph(manifest["graph"])
    yield from _golden(manifest)


def _unique(what: str, names: Sequence[str]) -> Iterator[str]:
    if len(set(names)) < len(names):
        yield f"two {what} have the same name"


def _symbols(symbols: list[Json]) -> Iterator[str]:
    yield from _unique("symbols", [symbol["name"] for symbol in symbols])
    for symbol in symbols:
        if symbol["min"] > symbol["max"]:
            yield f"no size is allowed for {symbol['name']}"


def _files(manifest: Json) -> Iterator[str]:
    entries = [manifest["plan"], *manifest["weights"]["shards"], manifest.get("golden")]
    yield from _unique("files", ["model.json", *(entry["file"] for entry in entries if entry)])


def _weights(weights: Json) -> Iterator[str]:
    """They lie one behind the other, each at the next multiple of the alignment."""
    end = 0
    for tensor in weights["tensors"]:
        name = path_name(tensor["name"])
        if tensor["offset"] != -(-end // _ALIGNMENT) * _ALIGNMENT:
            yield f"tensor {name} does not begin where the one before it ends"
        if not _fills(tensor):
            yield f"tensor {name} has other bytes than its shape needs"
        if "storage" in tensor and tensor["dtype"] != "float32":
            yield f"tensor {name} is stored as float16 and is no float32"
        size = tensor["bytes"]
        end = tensor["offset"] + (extent(size) if "storage" in tensor else size)
    if end > weights["bytes"]:
        yield "the tensors reach beyond the weights"


def _fills(tensor: Json) -> bool:
    """Packed ones have rows of zeros as well."""
    needed = math.prod(tensor["shape"]) * itemsize(tensor["dtype"])
    found: int = tensor["bytes"]
    return found == needed if tensor["layout"] == "plain" else found >= needed


def itemsize(dtype: str) -> int:
    """Bytes of an element: its name says how many bits."""
    bits = re.search(r"\d+\Z", dtype)
    return int(bits[0]) // 8 if bits else 1


def _shards(weights: Json) -> Iterator[str]:
    shards, block = weights["shards"], weights["blockBytes"]
    if sum(shard["bytes"] for shard in shards) != sum(part.bytes for part in pieces(weights)):
        yield "the shards' sizes do not add up to weights.bytes"
    for shard in shards:
        if len(shard["sha256"]) != -(-shard["bytes"] // block):
            yield f"{shard['file']} has not one hash for each block"
    if any(shard["bytes"] % block for shard in shards[:-1]):
        yield "a shard before the last is no multiple of blockBytes"


def _graph(graph: Json) -> Iterator[str]:
    names = {value["name"] for value in graph["values"]}
    for number, node in enumerate(graph["nodes"]):
        for name in (*node["inputs"], *node["outputs"]):
            if name is not None and name not in names:
                yield f"node {number} names {path_name(name)}, which is no value"


def _golden(manifest: Json) -> Iterator[str]:
    golden, forward = manifest.get("golden"), manifest["programs"]["forward"]
    if not golden:
        return
    for case in golden["cases"]:
        for side in ("inputs", "outputs"):
            ports, entries = forward[side], case[side]
            if {port["name"] for port in ports} != set(entries):
                yield f"golden data is not of the program's {side}"
                return
            faulty = (
                port["name"]
                for port in ports
                if not _is_golden(port, entries[port["name"]], golden["bytes"])
            )
            yield from (f"the golden data of {path_name(name)} is of another" for name in faulty)


def _is_golden(port: Json, entry: Json, room: int) -> bool:
    """Whether it is of the port's kind and, of a tensor, of its dtype and sizes."""
    if port["kind"] != "tensor":
        return "value" in entry and _is_number(port["kind"], entry["value"])
    if "value" in entry or entry["dtype"] != port["dtype"]:
        return False
    return _agree(port["shape"], entry["shape"]) and _has_room(entry, room)


def _is_number(kind: str, value: object) -> bool:
    if kind == "float":
        return not isinstance(value, bool)
    return isinstance(value, bool) or (kind == "int" and isinstance(value, int))


def _agree(declared: Sequence[int | str], shape: Sequence[int]) -> bool:
    sizes: Iterable[tuple[int | str, int]] = zip(declared, shape, strict=False)
    same = all(isinstance(one, str) or one == size for one, size in sizes)
    return len(declared) == len(shape) and same


def _has_room(entry: Json, room: int) -> bool:
    elements = -(-math.prod(entry["shape"]) // entry.get("every", 1))
    needed: int = elements * itemsize(entry["dtype"])
    if "random" in entry:
        return needed <= _MOST_RANDOM and _can_be_drawn(entry)
    return bool(entry["bytes"] == needed and entry["offset"] + needed <= room)


def _can_be_drawn(entry: Json) -> bool:
    low, high = entry["random"]["low"], entry["random"]["high"]
    if low > high or "float" in entry["dtype"] or "complex" in entry["dtype"]:
        return bool(low <= high)
    whole = all(float(end).is_integer() and abs(end) < _SAFE for end in (low, high))
    return bool(whole and high - low < _MOST_SPAN)
