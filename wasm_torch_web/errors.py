"""A slug and its fields in, a coded exception out; the rows are in `error_table`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wasm_torch_web.error_table import ROWS, Kind


@dataclass(frozen=True)
class ErrorRow:
    """One row of the table: the code is `WTW` and the number."""

    slug: str
    number: int
    kind: Kind
    message: str
    hint: str

    @property
    def code(self) -> str:
        """The code that users see and tests name, such as `WTW101`."""
        return f"WTW{self.number}"


ERRORS: dict[str, ErrorRow] = {slug: ErrorRow(slug, *row) for slug, row in ROWS.items()}


class WtwError(Exception):
    """A coded error: `code`, `slug`, `message`, `hint` and, where known, `where`.

    `where` is the place in the user's model (module path and source line) or file, `result` what a
    command found out before it failed. Raise it with the slug and the template's fields:
    `raise UserError("source-missing", path=path)`.
    """

    result: dict[str, Any] | None = None

    def __init__(self, slug: str, *, where: str | None = None, **fields: object) -> None:
        row = ERRORS[slug]
        if where is not None:
            fields.setdefault("where", where)
        self.slug = slug
        self.code = row.code
        self.kind = row.kind
        self.message = row.message.format(**fields)
        self.hint = row.hint.format(**fields)
        self.where = where
        super().__init__(f"{self.code}: {self.message}. {self.hint}")

    @classmethod
    def relayed(cls, code: str, message: str, hint: str = "") -> WtwError:
        """What JavaScript or another process has raised, with its own message; without a known
        code, internal."""
        row = next((row for row in ERRORS.values() if row.code == code), None)
        if row is None:
            return InternalError("internal", reason=message)
        error = cls.__new__(cls)
        error.slug, error.code, error.kind = row.slug, row.code, row.kind
        error.message, error.hint, error.where = message, hint, None
        Exception.__init__(error, f"{code}: {message}")
        return error

    @property
    def told(self) -> dict[str, str]:
        """What another process, a file or a client gets of it; `relayed(**told)` reads it."""
        return {"code": self.code, "message": self.message, "hint": self.hint}

    @property
    def exit_code(self) -> int:
        """The exit code of the command line (see `Kind`)."""
        return self.kind.value


class UserError(WtwError):
    """The user's input, or the machine it runs on, is at fault: nothing of ours is broken."""


class InternalError(WtwError):
    """A bug of this project."""


def summary(error: BaseException) -> str:
    """The type and the first line of an exception, for the reason of a coded error; the second
    too where the first only announces it."""
    lines = str(error).strip().splitlines() or [""]
    announced = lines[0].endswith(":") and len(lines) > 1
    line = (f"{lines[0]} {lines[1]}" if announced else lines[0])[:400].rstrip(".")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


__all__ = ["ERRORS", "ErrorRow", "InternalError", "Kind", "UserError", "WtwError", "summary"]
