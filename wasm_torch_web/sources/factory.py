"""`package.module:factory` or `file.py:factory` in, a module and its example inputs out."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from wasm_torch_web.errors import UserError, summary

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
    place, _, name = spec.rpartition(":")
    if not place or not name.isidentifier():
        raise UserError("model-not-found", model=spec, reason="no factory is named")
    home = _home(spec, place)
    function = getattr(home, name, None)
    if function is None:
        raise UserError("model-not-found", model=spec, reason=f"{place} has no {name}")
    if not callable(function) or isinstance(function, torch.nn.Module):
        reason = f"{name} is a {type(function).__name__}, not a function"
        raise UserError("model-not-found", model=spec, reason=reason)
    module = _run(spec, function)
    if not isinstance(module, torch.nn.Module):
        reason = f"{name}() returned a {type(module).__name__}, not an nn.Module"
        raise UserError("model-not-found", model=spec, reason=reason)
    owners = (module, function, home)
    offers = (offer for offer in map(preprocess_of, owners) if offer is not None)
    return Made(module, _examples(spec, owners), next(offers, None))


def _examples(spec: str, owners: Sequence[Any]) -> Examples | None:
    for owner in owners:
        examples = getattr(owner, "example_inputs", None)
        if callable(examples) and not isinstance(examples, torch.Tensor):
            examples = _run(spec, examples)
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
    _see_current_folder()
    try:
        importlib.import_module(name)
    except Exception as error:
        raise UserError(
            "import-failed", module=name, reason=summary(error), where=_where(error)
        ) from error


def _home(spec: str, place: str) -> ModuleType:
    path = Path(place)
    home: ModuleType
    if path.suffix == ".py" or path.exists():
        home = _run(spec, lambda: _load_file(spec, path))
    else:
        _see_current_folder()
        home = _run(spec, lambda: importlib.import_module(place))
    return home


def _load_file(spec: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError("model-not-found", model=spec, reason=f"{path} does not exist")
    loaded = sys.modules.get(path.stem)
    taken = loaded is not None and getattr(loaded, "__file__", None) != str(path)
    name = f"{path.stem}_source" if taken else path.stem
    description = importlib.util.spec_from_file_location(name, path)
    if description is None or description.loader is None:
        raise UserError("model-not-found", model=spec, reason=f"{path} is not a Python file")
    module = importlib.util.module_from_spec(description)
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # the file may import its neighbours, also later
        sys.path.insert(0, folder)
    sys.modules[name] = module  # dataclasses and pickles look their module up
    description.loader.exec_module(module)
    return module


def _see_current_folder() -> None:
    """`python -m` has the current folder on sys.path, an installed command does not."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def _run(spec: str, function: Callable[[], Any]) -> Any:
    """Runs the user's code; what it raises becomes model-not-found with a place."""
    try:
        return function()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            "model-not-found", model=spec, reason=summary(error), where=_where(error)
        ) from error


def _where(error: BaseException) -> str | None:
    """`file:line` of the innermost frame of the user's code, or None where there is none."""
    own = str(Path(__file__).resolve().parent)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((own, "<frozen")) and "importlib" not in frame.filename:
            return f"{frame.filename}:{frame.lineno}"
    return None
