"""The places of a JSON document, each once: items of a list are of a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Path = tuple[str | int, ...]
NAMED = ("inputs", "outputs", "ways", "ranges")  # objects whose keys are names of the user's


def places(document: Any, every: bool) -> Iterator[tuple[Path, Any]]:
    """Path and item of every item; unless `every`, only the first of those with the same kind of
    path."""
    seen: set[Path] = set()
    for path, kind, item in _walk(document, (), ()):
        if every or kind not in seen:
            seen.add(kind)
            yield path, item


def text(path: Path) -> str:
    """For names."""
    return ".".join(map(str, path)) or "all"


def _walk(item: Any, path: Path, kind: Path) -> Iterator[tuple[Path, Path, Any]]:
    yield path, kind, item
    if isinstance(item, dict):
        free = bool(path) and path[-1] in NAMED
        for key, inner in item.items():
            yield from _walk(inner, (*path, key), (*kind, "*" if free else key))
    elif isinstance(item, list):
        for index, inner in enumerate(item):
            yield from _walk(inner, (*path, index), (*kind, "*", _form(inner)))


def _form(item: Any) -> str:
    """Ports of tensors and of numbers are not of a kind."""
    if isinstance(item, dict):
        return ",".join(sorted(item))
    return type(item).__name__


def changed(document: Any, path: Path, change: Callable[[Any, Any], None]) -> None:
    """Calls `change(holder, key)` with what holds the item."""
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    change(holder, path[-1])
