"""`package.module:factory` or `file.py:factory` in, a module and its example inputs out."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from wasm_torch_web.errors import UserError, summary
from wasm_torch_web.sources.named import Unusable, called, named, see_current_folder, where_of

Examples = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Made:
    """A module, its examples (None where nobody defines `example_inputs`), and the `preprocess`
    that is defined beside it, if any."""

    module: torch.nn.Module
    examples: Examples | None
    preprocess: Any = None


def make(spec: str) -> Made:
    """Calls the factory, and looks around it.

    Raises UserError model-not-found, with the place in the user's code where that failed.
    """
    try:
        return _made(spec)
    except Unusable as error:
        raise UserError(
            "model-not-found", model=spec, reason=error.reason, where=error.where
        ) from error


def _made(spec: str) -> Made:
    function, home = named(spec, "factory")
    name = spec.rpartition(":")[2]
    if isinstance(function, torch.nn.Module):
        raise Unusable(f"{name} is a {type(function).__name__}, not a function")
    module = called(function)
    if not isinstance(module, torch.nn.Module):
        raise Unusable(f"{name}() returned a {type(module).__name__}, not an nn.Module")
    owners = (module, function, home)
    offers = (offer for offer in map(preprocess_of, owners) if offer is not None)
    return Made(module, _examples(owners), next(offers, None))


def _examples(owners: Sequence[Any]) -> Examples | None:
    for owner in owners:
        examples = getattr(owner, "example_inputs", None)
        if callable(examples) and not isinstance(examples, torch.Tensor):
            examples = called(examples)
        if examples is not None:
            return normalise(examples)
    return None


def preprocess_of(owner: Any) -> Any:
    """What a module, a factory or its Python module says of preprocessing: transforms or words in
    `preprocess` (not a function of that name), or timm's `pretrained_cfg`."""
    found = getattr(owner, "preprocess", None)
    if found is None or inspect.isroutine(found):
        found = getattr(owner, "pretrained_cfg", None)
    return found


def normalise(examples: Any) -> Examples:
    """`example_inputs` in any of its forms as (args, kwargs).

    A tuple is positional inputs, a dict keyword inputs, a pair of tuple and dict both; one tensor
    stands for a tuple of one.
    """
    match examples:
        case torch.Tensor():
            return (examples,), {}
        case dict():
            return (), dict(examples)
        case (tuple() | list() as args, dict() as kwargs):
            return tuple(args), dict(kwargs)
        case tuple() | list():
            return tuple(examples), {}
    kind = type(examples).__name__
    raise UserError("examples-invalid", reason=f"a {kind}")


def import_registered(name: str) -> None:
    """Imports a module of `--import`; raises UserError import-failed."""
    see_current_folder()
    try:
        importlib.import_module(name)
    except Exception as error:
        raise UserError(
            "import-failed", module=name, reason=summary(error), where=where_of(error)
        ) from error
