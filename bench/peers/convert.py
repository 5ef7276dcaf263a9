"""A model's name and a format in, the file that a peer loads out; runs in the peers' environment.

python -m bench.peers.convert onnx|tflite NAME PATH
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim

from bench.models import make
from bench.models.model import Model


def to_onnx(model: Model, path: Path) -> None:
    """By PyTorch's own exporter, as one file."""
    torch.onnx.export(
        model.module,
        model.args,
        path,
        dynamo=True,
        external_data=False,
        verbose=False,
        dynamic_shapes=dynamic_shapes(model),
    )


def to_tflite(model: Model, path: Path) -> None:
    """By litert-torch, in float32; its default makes int64 inputs int32."""
    import litert_torch

    shapes = dynamic_shapes(model)
    litert_torch.convert(model.module, model.args, dynamic_shapes=shapes).export(str(path))


def dynamic_shapes(model: Model) -> tuple[dict[int, Any], ...] | None:
    """The model's dynamic axes (`NAME.AXIS=SYMBOL:MIN..MAX`, one an input) for torch.export."""
    if not model.dynamic:
        return None
    shapes = []
    for axis in model.dynamic:
        place, _, size = axis.partition("=")
        symbol, _, bounds = size.partition(":")
        low, high = map(int, bounds.split(".."))
        # torch.export never sees the sizes 0 and 1.
        shapes.append({int(place.rpartition(".")[2]): Dim(symbol, min=max(low, 2), max=high)})
    return tuple(shapes)


FORMATS: dict[str, Callable[[Model, Path], None]] = {"onnx": to_onnx, "tflite": to_tflite}


def main() -> None:
    kind, name, path = sys.argv[1:]
    with torch.no_grad():
        FORMATS[kind](make(name), Path(path))


if __name__ == "__main__":
    main()
