"""What a program takes and gives, as the records of csrc/api.h; and the failures that it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy
from numpy.typing import NDArray

from wasm_torch_web.errors import ERRORS, InternalError, Kind, UserError, WtwError
from wasm_torch_web.format.manifest import FILE, Manifest

# struct Io
IO = numpy.dtype(
    [
        ("data", "<u8"),
        ("bytes", "<u8"),
        ("kind", "<u4"),
        ("dtype", "<u4"),
        ("rank", "<u4"),
        ("zero", "<u4"),
        ("integer", "<i8"),
        ("real", "<f8"),
        ("shape", "<i8", 8),
        ("zeros", "<u8", 2),
    ]
)
# What wtw_failure() points to.
FAILURE = numpy.dtype(
    [(name, "<i8") for name in ("code", "node", "operand", "line", "given", "allowed")]
)

# PyTorch's dtypes as NumPy's, in the order of csrc/core/dtype.h. There is none for bfloat16, whose
# bits stand for it, nor for complex32, whose two parts are a last axis of float16.
NUMPY: dict[str, numpy.dtype[Any]] = {
    "float32": numpy.dtype("<f4"),
    "float64": numpy.dtype("<f8"),
    "float16": numpy.dtype("<f2"),
    "bfloat16": numpy.dtype("<u2"),
    "int64": numpy.dtype("<i8"),
    "int32": numpy.dtype("<i4"),
    "int16": numpy.dtype("<i2"),
    "int8": numpy.dtype("i1"),
    "uint8": numpy.dtype("u1"),
    "bool": numpy.dtype("?"),
    "complex64": numpy.dtype("<c8"),
    "complex128": numpy.dtype("<c16"),
    "complex32": numpy.dtype(("<f2", (2,))),
}


# The dtypes that hold what a program takes and gives as numbers.
_NUMBERS = {"int": "int64", "float": "float64", "bool": "bool"}
# What JSON has no numbers for.
SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def dtype_of(port: Mapping[str, Any]) -> str:
    """Of the manifest's input or output; of a number one that holds it."""
    dtype: str = port.get("dtype") or _NUMBERS[port["kind"]]
    return dtype


def bfloat16_bits(numbers: NDArray[numpy.float32]) -> NDArray[numpy.uint16]:
    """Rounded to nearest, ties to even, as PyTorch does."""
    bits = numpy.ascontiguousarray(numbers, "<f4").reshape(numbers.shape).view("<u4")
    rounded: NDArray[numpy.uint16] = ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype("<u2")
    rounded[numpy.isnan(numbers)] = 0x7FC0
    return rounded


def of_bfloat16(bits: NDArray[numpy.uint16]) -> NDArray[numpy.float32]:
    """The same numbers, exactly."""
    return (bits.astype("<u4") << 16).view("<f4")


_KINDS = ("tensor", "int", "float", "bool")


def computed(program: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The outputs that the plan has: not those that are the same in every run."""
    return [port for port in program["outputs"] if "value" not in port]


def description(manifest: Manifest) -> NDArray[numpy.uint32]:
    """See wtw_described in csrc/api.h."""
    program = manifest["programs"]["forward"]
    outputs = computed(program)
    words = [len(manifest["graph"]["nodes"]), len(manifest["symbols"]), len(program["guards"])]
    words += [len(program["inputs"]), len(outputs)]
    for port in (*program["inputs"], *outputs):
        dtype = list(NUMPY).index(port["dtype"]) if "dtype" in port else 0
        words += [_KINDS.index(port["kind"]), dtype, len(port.get("shape", ()))]
    return numpy.array(words, "<u4")


_SLUGS = {row.number: slug for slug, row in ERRORS.items()}


def failure(words: NDArray[numpy.void], manifest: Manifest) -> WtwError:
    """The failure as an error in the model's own terms."""
    told = {name: int(words[name]) for name in FAILURE.names or ()}
    slug = _SLUGS.get(told["code"])
    if slug is None:
        return InternalError("internal", reason=f"code {told['code']}")
    describe = _DESCRIBE.get(slug)
    fields = describe(told, manifest) if describe else {}
    kind = InternalError if ERRORS[slug].kind is Kind.BUG else UserError
    return kind(slug, **fields)


def _place(told: dict[str, int], manifest: Manifest) -> dict[str, Any]:
    """The operator, and where it stands in the user's model."""
    nodes, number = manifest["graph"]["nodes"], told["node"]
    node = nodes[number] if 0 <= number < len(nodes) else {"op": f"node {number}"}
    source = f"at {node['source']}" if node.get("source") else ""
    where = " ".join(part for part in (node.get("module"), source) if part)
    return {"op": node["op"], "where": where or f"node {number}"}


def _input(told: dict[str, int], manifest: Manifest) -> dict[str, Any]:
    port = manifest["programs"]["forward"]["inputs"][told["operand"]]
    expected = f"[{', '.join(map(str, port.get('shape', ())))}]"
    return {"name": port["name"], "given": told["given"], "expected": expected}


def _symbol(told: dict[str, int], manifest: Manifest) -> dict[str, Any]:
    symbol = manifest["symbols"][told["operand"]]
    limits = {"min": symbol["min"], "max": symbol["max"]}
    return {"given": told["given"], "symbol": symbol["name"], **limits}


def _matrix(told: dict[str, int], manifest: Manifest) -> dict[str, Any]:
    return {**_place(told, manifest), "matrix": told["given"], "order": told["allowed"]}


_DESCRIBE: dict[str, Callable[[dict[str, int], Manifest], dict[str, Any]]] = {
    "abi-mismatch": lambda told, manifest: {"needed": told["given"], "found": manifest["abi"]},
    "manifest-invalid": lambda told, _: {
        "path": FILE,
        "reason": "it does not describe plan.bin",
    },
    "plan-invalid": lambda told, _: {"reason": f"record {told['given']} (rule {told['line']})"},
    "out-of-memory": lambda told, _: {"bytes": told["given"]},
    "size-out-of-range": _symbol,
    "size-mismatch": lambda told, manifest: {
        **_input(told, manifest),
        "axis": told["node"],
        "expected": told["allowed"],
    },
    "input-shape": _input,
    "guard-failed": lambda told, manifest: {
        "guard": manifest["programs"]["forward"]["guards"][told["operand"]]
    },
    "index-out-of-range": lambda told, manifest: {
        **_place(told, manifest),
        "index": told["given"],
        "bound": told["allowed"],
    },
    "matrix-singular": _matrix,
    "matrix-not-definite": _matrix,
    "kernel-refused": lambda told, manifest: {
        **_place(told, manifest),
        "reason": f"rule {told['line']}",
    },
    "internal": lambda told, _: {"reason": f"rule {told['line']} at node {told['node']}"},
}
