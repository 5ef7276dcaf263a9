"""A module and example inputs in, one file out that `wasm-torch-web build FILE` takes as it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from wasm_torch_web import capture
from wasm_torch_web.axes import parse_dynamic
from wasm_torch_web.errors import UserError
from wasm_torch_web.sources import kept_axes, load
from wasm_torch_web.sources.training import refuse_training


def save(
    module: torch.nn.Module,
    example_inputs: Any,
    path: str | os.PathLike[str],
    dynamic: Sequence[str] = (),
) -> None:
    """Writes a torch.export archive of `module.eval()`; the file appears when it is whole.

    The names and ranges of `dynamic` are kept beside the program, for `wasm-torch-web build`.

    Args:
        example_inputs: a tuple, a dict of keyword inputs, or `(args, kwargs)`.
        dynamic: axes that may change, as in `--dynamic`: `"x.0=1..64"` or `"x.0=batch:1..64"`.

    Raises UserError: model-failed, capture-failed, axis-specialised, dynamic-spec, hidden-state,
    training-program, out-unwritable.
    """
    target = Path(path)
    kept = {kept_axes.PART: kept_axes.to_text(dynamic)}
    source = load(module, example_inputs=example_inputs)
    axes = [parse_dynamic(spec) for spec in dynamic]
    program = capture.export_module(module, source.args, source.kwargs, axes)
    refuse_training(program)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            torch.export.save(program, file, extra_files=kept)
        partial.replace(target)
    except OSError as error:
        raise UserError("out-unwritable", path=target, reason=error.strerror) from error
    finally:
        partial.unlink(missing_ok=True)
