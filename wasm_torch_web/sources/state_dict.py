"""What a checkpoint holds in, its weights out; weights and a module in, the module loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from wasm_torch_web.errors import UserError

Weights = Mapping[str, torch.Tensor]

# Where training scripts keep the weights, best first; any other key will do if it is the only one.
WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module"),
    *("params_ema", "ema", "params", "teacher", "generator"),
)
_LISTED = 3


def find_weights(content: Mapping[Any, Any], notices: list[str]) -> Any:
    """The mapping of names to tensors (or the module) in a checkpoint, or None."""
    if _is_weights(content):
        return content
    found = [key for key, inner in content.items() if _is_model(inner)]
    found = found if len(found) == 1 else [key for key in WRAPPERS if key in found]
    if not found:
        return None
    others = ", ".join(sorted(str(other) for other in content if other != found[0]))
    rest = f"; left out: {others}" if others else ""
    notices.append(f"The weights were found under the key {found[0]!r}{rest}.")
    return content[found[0]]


def _is_model(content: Any) -> bool:
    return isinstance(content, torch.nn.Module) or _is_weights(content)


def _is_weights(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(isinstance(name, str) for name in content)
        and all(isinstance(value, torch.Tensor) for value in content.values())
    )


def fit(path: Path, module: torch.nn.Module, weights: Weights, notices: list[str]) -> None:
    """Loads the weights strictly, without the prefix that all names share if the module has none.

    Raises UserError state-dict-mismatch, which lists what is missing, unknown or of another shape.
    """
    state = module.state_dict()
    wanted = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    while set(weights) != set(wanted) and (prefix := _prefix(weights)) and not _has(wanted, prefix):
        weights = {name.removeprefix(prefix): value for name, value in weights.items()}
        notices.append(f"The prefix {prefix!r} was taken off all names.")
    reason = _difference(weights, wanted)
    if reason:
        raise UserError("state-dict-mismatch", path=path, reason=reason)
    converted = {str(weights[k].dtype) for k in wanted if weights[k].dtype != wanted[k].dtype}
    if converted:
        kinds = ", ".join(sorted(converted)).replace("torch.", "")
        notices.append(f"Weights were converted from {kinds} to the module's dtypes.")
    try:
        module.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        lines = " ".join(str(error).split())
        raise UserError("state-dict-mismatch", path=path, reason=lines) from error


def _prefix(names: Weights) -> str:
    """The first component that all names share, with its dot."""
    first = {name.partition(".")[0] for name in names if "." in name}
    shared = len(first) == 1 and all("." in name for name in names)
    return f"{first.pop()}." if shared else ""


def _has(names: Mapping[str, Any], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)


def _difference(given: Weights, wanted: Mapping[str, torch.Tensor]) -> str:
    shapes = [
        f"{name} {list(given[name].shape)} where the module has {list(wanted[name].shape)}"
        for name in wanted
        if name in given and given[name].shape != wanted[name].shape
    ]
    found = {
        "missing": [name for name in wanted if name not in given],
        "unknown": [name for name in given if name not in wanted],
        "of another shape": shapes,
    }
    return "; ".join(
        f"{len(names)} {what}: {_some(names)}" for what, names in found.items() if names
    )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
