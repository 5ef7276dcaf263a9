"""What a command found out in, and told with `--json` also where the command then fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wasm_torch_web.errors import WtwError


@contextmanager
def told(result: dict[str, Any]) -> Iterator[None]:
    """An error that is raised inside carries the result."""
    try:
        yield
    except WtwError as error:
        error.result = result
        raise
