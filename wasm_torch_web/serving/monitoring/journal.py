"""Events in, one line of JSON each out: on standard error, those of models in an audit log too."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from wasm_torch_web.errors import UserError

AUDITED = frozenset({"model-load", "model-unload", "model-failed"})


class Journal:
    """The log of a service. Lines are ASCII: text from outside cannot begin one."""

    def __init__(self, audit: Path | None = None, quiet: bool = False) -> None:
        """Lines are added to what `audit` has. Raises UserError out-unwritable."""
        self._quiet = quiet
        self._audit: IO[str] | None = None
        if audit is not None:
            try:
                self._audit = audit.open("a", encoding="utf-8")
            except OSError as error:
                raise UserError("out-unwritable", path=audit, reason=error.strerror) from error

    def write(self, event: str, **fields: object) -> None:
        """`{"time": ..., "event": ..., ...}`"""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **fields}, default=str) + "\n"
        if not self._quiet:
            sys.stderr.write(line)
        if self._audit is not None and event in AUDITED:
            self._audit.write(line)
            self._audit.flush()

    def close(self) -> None:
        """Ends the audit log."""
        if self._audit is not None:
            self._audit.close()
