"""The ports of a program in, TypeScript declarations for just this model out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wasm_torch_web.bundle.entry import extensions
from wasm_torch_web.bundle.escape import doc, js_key
from wasm_torch_web.bundle.templates import fill
from wasm_torch_web.format.manifest import Manifest

Port = dict[str, Any]

NUMBER_INPUTS = {"int": "number | bigint", "float": "number", "bool": "boolean"}
NUMBER_OUTPUTS = {"int": "number", "float": "number", "bool": "boolean"}
TYPES = {"images": "ImageInput", "sounds": "SoundInput", "classes": "Classification"}


def declarations(manifest: Manifest, commonjs: bool = False) -> str:
    """index.d.ts, or index.d.cts: there `import()` comes too late to export the error's class."""
    forward = manifest["programs"]["forward"]
    ending = "cjs" if commonjs else "js"
    return fill(
        "index.d.ts",
        runtime=f"./runtime.{ending}",
        extensions="".join(
            f"import type {{ {TYPES[name]} }} from './{name}.{ending}';\n"
            f"export type * from './{name}.{ending}';\n"
            for name in extensions(manifest)
        ),
        model=_model(forward["outputs"], f"./runtime.{ending}"),
        errors="isWtwError" if commonjs else "WtwError, isWtwError",
        inputs=_members(manifest, forward["inputs"], _input),
        outputs=_members(manifest, forward["outputs"], _output),
    )


def describe(manifest: Manifest, port: Port) -> str:
    """For people: `float32 [batch, 3, 224, 224], batch from 1 to 64`."""
    if port["kind"] != "tensor":
        return str(port["kind"])
    sizes = ", ".join(str(size) for size in port["shape"])
    bounds = "".join(
        f", {symbol['name']} from {symbol['min']} to {symbol['max']}"
        for symbol in manifest["symbols"]
        if symbol["name"] in port["shape"]
    )
    return f"{port['dtype']} [{sizes}]{bounds}"


def is_single(port: Port) -> bool:
    """Whether an output has one row of scores, whatever the inputs."""
    return all(size == 1 for size in port["shape"][:-1])


def _model(outputs: list[Port], runtime: str) -> str:
    """With `classify` where an output has labels."""
    for port in outputs:
        if "classes" in port:
            result = "Classification[]" if is_single(port) else "Classification[][]"
            named = {"output": doc(port["name"]), "runtime": runtime}
            return fill("classify.d.ts", result=result, **named).rstrip()
    return "export type Model = AnyModel<Inputs, Outputs>;"


def _members(manifest: Manifest, ports: list[Port], type_of: Callable[[Port], str]) -> str:
    return "".join(
        f"  /** {doc(describe(manifest, port))} */\n"
        f"  readonly {js_key(port['name'])}: {type_of(port)};\n"
        for port in ports
    )


def _shape(port: Port) -> str:
    """A tuple; a dynamic size is a number."""
    sizes = (str(size) if isinstance(size, int) else "number" for size in port["shape"])
    return f"[{', '.join(sizes)}]"


def _input(port: Port) -> str:
    if port["kind"] != "tensor":
        return NUMBER_INPUTS[port["kind"]]
    tensor = f"Given<'{port['dtype']}', readonly {_shape(port)}>"
    static = all(isinstance(size, int) for size in port["shape"])
    kind = port.get("preprocess", {}).get("kind")
    return tensor + (f" | {tensor}['data']" if static else "") + _raw(kind, len(port["shape"]))


def _raw(kind: str | None, rank: int) -> str:
    """What else the input takes, a list for a batch of pictures."""
    if kind == "image":
        return " | ImageInput" + (" | readonly ImageInput[]" if rank == 4 else "")
    return " | SoundInput" if kind == "audio" else ""


def _output(port: Port) -> str:
    if port["kind"] != "tensor":
        return NUMBER_OUTPUTS[port["kind"]]
    return f"Got<'{port['dtype']}', {_shape(port)}>"
