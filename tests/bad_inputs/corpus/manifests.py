"""model.json, changed in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .case import Case, manifest_of, text_of
from .places import changed, places, text

NUMBERS = (0, -1, 2**31, 2**32 - 1, 2**53, 2**63, float("nan"), 1.5, "1", None, True, [], {})
TEXTS = (
    "",
    "../../evil",
    "/etc/passwd",
    "__proto__",
    "constructor",
    "</script><script>alert(1)</script>",
    "`$(touch ran)`${alert(1)}",
    "[x](javascript:alert(1)) | a\n",
    "plan.bin\n",
    "\0",
    "\x1b[2J",
    "\u202e",
    "\ud800",
    "\U0001f600" * 600,
    "x" * 5000,
    7,
    None,
)
KEYS = ("extra", "__proto__", "constructor", "toString", "hasOwnProperty", "\ud800", "x" * 70_000)
MANY = 100_000
SHARE = 6
# Here another value is another model: what is computed is what the file says.
DECIDES = ("value",)


LONG = "100,000"  # items of a list: some seconds each


def cases(package: Path, every: bool) -> Iterator[Case]:
    """Each integer, text, key and list of the manifest changed in every way; or, each place in a
    part of the ways, the next place in another."""
    made = manifest_of(package)
    for turn, (path, item) in enumerate(places(made, every)):
        changes = [change for change in _changes(item) if every or change[0] != LONG]
        for what, change in changes if every else changes[turn % SHARE :: SHARE]:
            manifest = manifest_of(package)
            if path:
                changed(manifest, path, change)
            else:
                change([manifest], 0)
            same = path[-1:] not in [(key,) for key in DECIDES]
            name = f"{package.name} {text(path)}: {what}"
            yield Case(name, package, {"model.json": text_of(manifest)}, same)


Change = tuple[str, Callable[[Any, Any], None]]


def _changes(item: Any) -> Iterator[Change]:
    if isinstance(item, bool) or item is None:
        yield from (_put(value) for value in (1, None, "x", {}))
    elif isinstance(item, (int, float)):
        yield from (_put(value) for value in NUMBERS)
    elif isinstance(item, str):
        yield from (_put(value) for value in TEXTS)
    elif isinstance(item, list):
        yield from _list_changes(item)
    else:
        yield from (_put(value) for value in (None, [], 1))
        yield from (_added(key) for key in KEYS)
        yield from (_removed(key) for key in item)


def _put(value: Any) -> Change:
    def change(holder: Any, key: Any) -> None:
        holder[key] = value

    return f"{str(value)[:20]!r}", change


def _added(name: str) -> Change:
    def change(holder: Any, key: Any) -> None:
        holder[key][name] = {"polluted": 1}

    return f"with {name[:20]!r}", change


def _removed(name: str) -> Change:
    def change(holder: Any, key: Any) -> None:
        del holder[key][name]

    return f"without {name[:20]!r}", change


def _list_changes(items: list[Any]) -> Iterator[Change]:
    lists: dict[str, list[Any]] = {"emptied": []}
    if items:
        lists |= {
            "one less": items[:-1],
            "the first twice": [items[0], *items],
            "reversed": items[::-1],
            "one of another": [*items, {"a": []}],
            LONG: [items[0]] * MANY,
        }
    for what, value in lists.items():
        yield what, _put(value)[1]
    yield from (_put(value) for value in (None, {}, 0))


def files(package: Path) -> Iterator[Case]:
    """What is no JSON, or JSON of a kind that readers differ about."""
    content = (package / "model.json").read_bytes().strip()
    made = content.decode()
    texts: dict[str, bytes] = {
        "a byte order mark": b"\xef\xbb\xbf" + content,
        "UTF-16": made.encode("utf-16"),
        "UTF-32": made.encode("utf-32"),
        "Latin-1": content.replace(b'"torch":"', b'"torch":"\xe9'),
        "an encoded surrogate": content.replace(b'"torch":"', b'"torch":"\xed\xa0\x80'),
        "half of it": content[: len(content) // 2],
        "nothing": b"",
        "zeros": bytes(1000),
        "a page": b"<!doctype html><title>Not found</title>",
        "two documents": content * 2,
        "a comma at the end": content[:-1] + b",}",
        "a comment": b"// a comment\n" + content,
        "1e400": content.replace(b'"parameters":', b'"parameters":1e400,"x":'),
        "infinite error": _with_error(content, b"1e400"),
        "400 digits": _with_error(content, b"1" + b"0" * 400),
        "5,000 digits": content.replace(b'"parameters":', b'"parameters":' + b"9" * 5000),
        "30 digits": _with_error(content, b"1" + b"0" * 30),
        "1e0": content.replace(b'"format":4', b'"format":4e0'),
        "a key twice": content.replace(b'{"format"', b'{"name":"x","abi":1,"format"', 1),
        "deep lists": b"[" * MANY,
        "deep objects": b'{"a":' * MANY + b"1" + b"}" * MANY,
        "a deep attribute": _attribute(package, b"[" * 2000 + b"]" * 2000),
        "a deep format": content.replace(b'"format":4', b'"format":' + b"[" * 3000 + b"]" * 3000),
        "a format of another": content.replace(b'"format":4', b'"format":{"toString":null}'),
        "100 MB": content + b" " * (100 << 20),
        "30 MB": content + b" " * (30 << 20),
        "a number": b"7",
        "null": b"null",
        "another ABI": content.replace(b'"abi":5', b'"abi":6'),
    }
    for what, data in texts.items():
        yield Case(f"{package.name} {what}", package, {"model.json": data})
    for what, manifest in _manifests(package):
        yield Case(f"{package.name} {what}", package, {"model.json": text_of(manifest)})


def _with_error(content: bytes, number: bytes) -> bytes:
    """What the check against PyTorch is said to have found."""
    output = b'{"name":"y","maxAbsError":' + number + b',"maxRelError":0}'
    found = b'{"browser":"","variants":[],"outputs":[' + output + b"]}"
    return content.replace(b'"verified":null', b'"verified":' + found)


def _attribute(package: Path, value: bytes) -> bytes:
    """An attribute of a node, whatever it may be."""
    manifest = manifest_of(package)
    node = next(node for node in manifest["graph"]["nodes"] if node["attrs"])
    node["attrs"][next(iter(node["attrs"]))] = "HERE"
    return text_of(manifest).replace(b'"HERE"', value)


def _manifests(package: Path) -> Iterator[tuple[str, Any]]:
    """Changes of two places at once."""

    def fresh() -> tuple[Any, Any]:
        manifest = manifest_of(package)
        return manifest, manifest["programs"]["forward"]

    manifest, forward = fresh()
    manifest["programs"] = {"other": forward, "forward": forward}
    yield "another program first", manifest
    for name in ("constructor", "toString", "</script>", "\u202e", "1"):
        manifest, forward = fresh()
        for side in ("inputs", "outputs"):
            old, forward[side][0]["name"] = forward[side][0]["name"], name
            for case in manifest["golden"]["cases"]:
                case[side][name] = case[side].pop(old)
        yield f"an input and an output {name!r}", manifest
    manifest, forward = fresh()
    manifest["graph"]["nodes"] += manifest["graph"]["nodes"][:1]
    yield "a node more", manifest
    manifest, forward = fresh()
    manifest["graph"]["nodes"] = manifest["graph"]["nodes"][:1] * MANY
    yield "100,000 nodes", manifest
    manifest, forward = fresh()
    forward["guards"] += ["x < 3"]
    yield "a guard more", manifest
    manifest, forward = fresh()
    for case in manifest["golden"]["cases"]:
        for name, entry in [*case["inputs"].items()]:
            if "random" in entry or "value" in entry:
                continue
            shape = {"shape": [2**40] * 8, "dtype": entry["dtype"]}
            case["inputs"][name] = shape | {"random": {"seed": 1, "low": 0, "high": 1}}
    yield "endless golden data", manifest
    for dtype in ("int32", "float64", "uint8", "bool"):
        manifest, forward = fresh()
        for port in (*forward["inputs"], *forward["outputs"]):
            if port["kind"] == "tensor":
                port["dtype"] = dtype
        manifest["golden"] = None
        yield f"all of {dtype}", manifest
    manifest, forward = fresh()
    tensors = manifest["weights"]["tensors"]
    for tensor in tensors:
        tensor["offset"] = 0
    yield "weights over one another", manifest
