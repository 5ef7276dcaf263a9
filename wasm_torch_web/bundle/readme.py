"""The manifest in, the package's README.md out; its snippets run as they stand."""

from __future__ import annotations

import base64
import hashlib
from math import prod
from typing import Any

from wasm_torch_web.bundle.escape import code, js_key, js_member, js_string
from wasm_torch_web.bundle.guides import guides
from wasm_torch_web.bundle.templates import fill
from wasm_torch_web.bundle.types import describe
from wasm_torch_web.format.manifest import Manifest

Port = dict[str, Any]

ARRAYS = {
    "float32": "Float32Array",
    "float64": "Float64Array",
    "float16": "Uint16Array",
    "bfloat16": "Uint16Array",
    "int64": "BigInt64Array",
    "int32": "Int32Array",
    "int16": "Int16Array",
    "int8": "Int8Array",
    "uint8": "Uint8Array",
    "bool": "Uint8Array",
    "complex64": "Float32Array",
    "complex128": "Float64Array",
    "complex32": "Uint16Array",
}
JS_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def readme(manifest: Manifest, has_tokenizer: bool = False) -> str:
    """README.md of the package."""
    forward = manifest["programs"]["forward"]
    name, shown = manifest["name"], _print_first(forward["outputs"])
    import_map = fill("importmap.json", name=name).strip()
    return fill(
        "README.md",
        name=name,
        version=manifest["version"],
        inputs=inputs_literal(manifest),
        print=shown,
        importmap=import_map,
        importmap_hash=_csp_hash(import_map),
        input_table=_table(forward["inputs"], manifest),
        output_table=_table(forward["outputs"], manifest),
        megabytes=f"{manifest['weights']['bytes'] / 1e6:.1f}",
        parameters=f"{manifest['parameters']:,}",
        extras=guides(manifest, has_tokenizer, shown),
        random=f"\n{fill('random.md')}" if "random" in manifest else "",
    )


def inputs_literal(manifest: Manifest) -> str:
    """An object literal that `run` takes: the golden case's shapes, filled with one number."""
    forward, golden = manifest["programs"]["forward"], manifest["golden"]["cases"][0]
    members = [
        f"  {js_key(port['name'])}: {_value(port, golden['inputs'][port['name']])},\n"
        for port in forward["inputs"]
    ]
    return "{\n" + "".join(members) + "}"


def _value(port: Port, example: dict[str, Any]) -> str:
    if port["kind"] == "bool":
        return "true" if example["value"] else "false"
    if port["kind"] != "tensor":
        return JS_NUMBERS.get(example["value"], str(example["value"]))
    shape, dtype = example["shape"], port["dtype"]
    count = prod(shape) * (2 if dtype.startswith("complex") else 1)
    fill_with = port.get("range", [0])[0]
    literal = f"{fill_with}n" if dtype == "int64" else str(fill_with)
    filled = f".fill({literal})" if fill_with else ""
    return f"{{ data: new {ARRAYS[dtype]}({count}){filled}, shape: {shape} }}"


def _print_first(ports: list[Port]) -> str:
    if not ports:
        return "console.log(outputs);"
    first, access = ports[0], "outputs" + js_member(ports[0]["name"])
    detail = f"{access}.shape, {access}.data" if first["kind"] == "tensor" else access
    return f"console.log({js_string(first['name'])}, {detail});"


def _table(ports: list[Port], manifest: Manifest) -> str:
    rows = [f"| {code(port['name'])} | {code(describe(manifest, port))} |" for port in ports]
    return "\n".join(["| name | type |", "| --- | --- |", *rows])


def _csp_hash(script: str) -> str:
    digest = hashlib.sha256(f"\n{script}\n".encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
