"""Package folders in, what the protocol says of their models out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasm_torch_web.engine.records import dtype_of
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests

# The protocol's name of each dtype, and the shape that one element takes: the two parts of complex
# numbers, which the protocol lacks, are a last axis.
DATATYPES: dict[str, tuple[str, tuple[int, ...]]] = {
    "bool": ("BOOL", ()),
    "uint8": ("UINT8", ()),
    "int8": ("INT8", ()),
    "int16": ("INT16", ()),
    "int32": ("INT32", ()),
    "int64": ("INT64", ()),
    "float16": ("FP16", ()),
    "bfloat16": ("BF16", ()),
    "float32": ("FP32", ()),
    "float64": ("FP64", ()),
    "complex32": ("FP16", (2,)),
    "complex64": ("FP32", (2,)),
    "complex128": ("FP64", (2,)),
}
BYTES = {
    **{"BOOL": 1, "UINT8": 1, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8},
    **{"FP16": 2, "BF16": 2, "FP32": 4, "FP64": 8},
}
WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Tensor:
    """An input or output as the protocol has it; numbers are tensors of shape [1]."""

    name: str
    dtype: str
    number: bool
    shape: tuple[int | str, ...]

    @property
    def datatype(self) -> str:
        """The protocol's name of the dtype."""
        return DATATYPES[self.dtype][0]

    def metadata(self) -> dict[str, Any]:
        """A size that may change is -1."""
        sizes = [size if isinstance(size, int) else -1 for size in self.shape]
        return {"name": self.name, "datatype": self.datatype, "shape": sizes}


@dataclass(frozen=True)
class Served:
    """A model of the service.

    `rows` are the sizes that the leading axis of all inputs and outputs may have, where they all
    have the same one: the axis along which requests can be joined.
    """

    name: str
    version: str
    package: Path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    limits: Mapping[str, tuple[int, int]]
    rows: tuple[int, int] | None

    @property
    def key(self) -> str:
        """What workers and metrics call it."""
        return f"{self.name}/{self.version}"


class Catalogue:
    """The models of a service, by name and version."""

    def __init__(self, packages: Sequence[Path]) -> None:
        """Raises UserError for a package that is damaged, and for two of a name and version."""
        self.models: dict[str, dict[str, Served]] = {}
        for package in packages:
            model = read(package)
            versions = self.models.setdefault(model.name, {})
            if model.version in versions:
                raise UserError("model-twice", name=model.name, version=model.version)
            versions[model.version] = model

    def __iter__(self) -> Iterator[Served]:
        return (model for versions in self.models.values() for model in versions.values())

    def find(self, name: str, version: str | None = None) -> Served:
        """The last version that was named, unless told which. Raises UserError model-unknown."""
        versions = self.models.get(name, {})
        model = versions.get(version) if version else next(reversed(versions.values()), None)
        if model is None:
            asked = f"{name}, version {version}" if version else name
            raise UserError("model-unknown", name=asked[:200], models=", ".join(self.models))
        return model


def read(package: Path) -> Served:
    """Its model, under the package's name without a scope. Raises UserError."""
    manifest = manifests.read(package)
    inputs, outputs = (_tensors(manifest, side) for side in ("inputs", "outputs"))
    limits = {one["name"]: (one["min"], one["max"]) for one in manifest["symbols"]}
    return Served(
        manifest["name"].rpartition("/")[2],
        manifest["version"],
        package.resolve(),
        inputs,
        outputs,
        limits,
        None if _draws(manifest) else _rows([*inputs, *outputs], limits),
    )


def _tensors(manifest: manifests.Manifest, side: str) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(
            port["name"],
            dtype_of(port),
            port["kind"] != "tensor",
            (*port["shape"], *DATATYPES[port["dtype"]][1]) if port["kind"] == "tensor" else (1,),
        )
        for port in manifest["programs"]["forward"][side]
    )


def _draws(manifest: manifests.Manifest) -> bool:
    return any(port.get("drawn") for port in manifest["programs"]["forward"]["outputs"])


def _rows(
    tensors: Sequence[Tensor], limits: Mapping[str, tuple[int, int]]
) -> tuple[int, int] | None:
    """One symbol leads every shape and stands nowhere else."""
    leading = {tensor.shape[0] if tensor.shape and not tensor.number else 0 for tensor in tensors}
    [symbol, *others] = leading or {0}
    rest = [str(size) for tensor in tensors for size in tensor.shape[1:]]
    if others or symbol not in limits or any(symbol in WORD.findall(text) for text in rest):
        return None
    return limits[str(symbol)]


def hashes(manifest: manifests.Manifest) -> dict[str, Any]:
    """What an audit needs to tell which model it was."""
    shards = {shard["file"]: shard["sha256"] for shard in manifest["weights"]["shards"]}
    return {"plan": manifest["plan"]["sha256"], "weights": shards}
