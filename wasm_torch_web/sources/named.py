"""`package.module:name` or `file.py:name` in, what the user's code has under that name out."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from wasm_torch_web.errors import UserError, summary


class Unusable(Exception):
    """Why a name or what it stands for is of no use; `where` is the place in the user's code."""

    def __init__(self, reason: str, where: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.where = reason, where


def named(spec: str, what: str) -> tuple[Any, ModuleType]:
    """A callable and the Python module around it; split at the last colon. `what` it is, for
    messages. Raises Unusable."""
    place, _, name = spec.rpartition(":")
    if not place or not name.isidentifier():
        raise Unusable(f"no {what} is named")
    home = _home(place)
    function = getattr(home, name, None)
    if function is None:
        raise Unusable(f"{place} has no {name}")
    if not callable(function):
        raise Unusable(f"{name} is a {type(function).__name__}, not a function")
    return function, home


def called(function: Callable[[], Any]) -> Any:
    """Runs the user's code. Raises Unusable, with a place; coded errors pass."""
    try:
        return function()
    except (UserError, Unusable):
        raise
    except Exception as error:
        raise Unusable(summary(error), where_of(error)) from error


def where_of(error: BaseException) -> str | None:
    """`file:line` of the innermost frame of the user's code, or None where there is none."""
    own = str(Path(__file__).resolve().parent)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((own, "<frozen")) and "importlib" not in frame.filename:
            return f"{frame.filename}:{frame.lineno}"
    return None


def see_current_folder() -> None:
    """`python -m` has the current folder on sys.path, an installed command does not."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def _home(place: str) -> ModuleType:
    path = Path(place)
    home: ModuleType
    if path.suffix == ".py" or path.exists():
        home = called(lambda: _load_file(path))
    else:
        see_current_folder()
        home = called(lambda: importlib.import_module(place))
    return home


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise Unusable(f"{path} does not exist")
    loaded = sys.modules.get(path.stem)
    taken = loaded is not None and getattr(loaded, "__file__", None) != str(path)
    name = f"{path.stem}_source" if taken else path.stem
    description = importlib.util.spec_from_file_location(name, path)
    if description is None or description.loader is None:
        raise Unusable(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(description)
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # the file may import its neighbours, also later
        sys.path.insert(0, folder)
    sys.modules[name] = module  # dataclasses and pickles look their module up
    description.loader.exec_module(module)
    return module
