"""Functions of the user that an option names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from wasm_torch_web.errors import UserError
from wasm_torch_web.sources.named import Unusable, called, named

SCORED = "it takes the model, model(x=array) -> dict of arrays, and gives a number"


class UserFunction:
    """`package.module:function` or `file.py:function`, loaded."""

    def __init__(self, option: str, spec: str, expected: str) -> None:
        """`expected` is what it should be, for messages. Raises UserError function-failed."""
        self.option, self.spec, self.expected = option, spec, expected
        try:
            self._function, _ = named(spec, "function")
        except Unusable as error:
            raise self.failed(error.reason, error.where) from error

    def iterated(self) -> Iterator[Any]:
        """What it gives, called with nothing, one by one. Raises UserError function-failed."""
        try:
            items = iter(called(self._function))
        except TypeError as error:
            raise self.failed("what it returned cannot be iterated over") from error
        except Unusable as error:
            raise self.failed(error.reason, error.where) from error
        end = object()
        while (item := self._run(lambda: next(items, end))) is not end:
            yield item

    def score(self, model: Callable[..., dict[str, Any]]) -> float:
        """What it says of a model. Raises UserError function-failed, also for what is no number."""
        given = self._run(lambda: self._function(model))
        try:
            number = float(given)
        except (TypeError, ValueError) as error:
            raise self.failed(f"it returned a {type(given).__name__}, not a number") from error
        if not math.isfinite(number):
            raise self.failed(f"it returned {number}")
        return number

    def failed(self, reason: str, where: str | None = None) -> UserError:
        """The error to raise."""
        given = {"option": self.option, "function": self.spec, "expected": self.expected}
        return UserError("function-failed", reason=reason, where=where, **given)

    def _run(self, function: Callable[[], Any]) -> Any:
        try:
            return called(function)
        except Unusable as error:
            raise self.failed(error.reason, error.where) from error
