"""The axes of `wasm_torch_web.save` in, a file inside the archive out; and back, as checked data.

A torch.export archive keeps which axes are dynamic, not what the user called them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from torch.export import ExportedProgram

from wasm_torch_web.axes import DynamicAxis, input_fakes, parse_dynamic
from wasm_torch_web.errors import UserError

PART = "wasm-torch-web.json"  # among torch's extra files
MAX_CHARACTERS = 1 << 16


def to_text(dynamic: Sequence[str]) -> str:
    """The content of PART: the texts of `--dynamic`."""
    return json.dumps({"dynamic": list(dynamic)})


def from_text(text: str, program: ExportedProgram) -> tuple[DynamicAxis, ...]:
    """The axes in PART; raises ValueError unless all are dynamic axes of the program's inputs."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"{PART} has {len(text):,} characters")
    document = json.loads(text)
    specs = document.get("dynamic") if isinstance(document, dict) else None
    if not isinstance(specs, list) or not all(isinstance(spec, str) for spec in specs):
        raise ValueError(f"{PART} holds no list of axes")
    try:
        axes = tuple(parse_dynamic(spec) for spec in specs)
    except UserError as error:
        raise ValueError(f"{PART} names an axis that cannot be read") from error
    inputs = input_fakes(program)
    if not all(_is_dynamic(inputs.get(axis.input), axis.axis) for axis in axes):
        raise ValueError(f"{PART} names an axis that is not dynamic")
    return axes


def _is_dynamic(fake: object, axis: int) -> bool:
    return (
        isinstance(fake, torch.Tensor)
        and axis < fake.dim()
        and isinstance(fake.shape[axis], torch.SymInt)
    )
