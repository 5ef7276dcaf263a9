"""A module and example inputs in, nothing out: refuses what eager PyTorch cannot do twice."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from wasm_torch_web.errors import UserError, summary


def try_eager(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Runs the module twice: what fails in eager mode is not torch.export's fault, and a module
    that answers differently the second time has state that an export would lose."""
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    attributes = _plain_attributes(module)
    first = _run_once(module, args, kwargs, buffers)
    changed = _changed(attributes, _plain_attributes(module))
    if not changed:
        return
    second = _run_once(module, args, kwargs, buffers)
    if not _same(first, second):
        raise UserError("hidden-state", attribute=changed[0])


def _run_once(
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    buffers: dict[str, torch.Tensor],
) -> list[Any]:
    """The flattened outputs of a run on copies of the inputs; buffers are put back."""
    args, kwargs = pytree.tree_map_only(torch.Tensor, torch.clone, (args, kwargs))
    try:
        with torch.no_grad():
            return list(pytree.tree_flatten(module(*args, **kwargs))[0])
    except Exception as error:
        raise UserError("model-failed", reason=summary(error)) from error
    finally:
        with torch.no_grad():
            for name, buffer in module.named_buffers():
                if name in buffers and buffer.shape == buffers[name].shape:
                    buffer.copy_(buffers[name])


def _plain_attributes(module: nn.Module) -> dict[str, Any]:
    """Plain attributes of every submodule: what a forward may have left behind."""
    return {
        f"{path}.{name}".lstrip("."): value
        for path, child in module.named_modules()
        for name, value in vars(child).items()
        if name != "training" and name not in ("_parameters", "_buffers", "_modules")
    }


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [name for name, value in after.items() if before.get(name, _changed) is not value]


def _same(first: list[Any], second: list[Any]) -> bool:
    pairs = list(zip(first, second, strict=False))
    return len(first) == len(second) and all(
        torch.equal(a.nan_to_num(), b.nan_to_num()) if isinstance(a, torch.Tensor) else a == b
        for a, b in pairs
    )
