"""The error table."""

from __future__ import annotations

import re
import string
from collections import Counter
from pathlib import Path

from wasm_torch_web.errors import ERRORS


def test_no_two_errors_share_a_code() -> None:
    twice = [code for code, n in Counter(row.code for row in ERRORS.values()).items() if n > 1]
    assert not twice


def test_every_error_says_what_to_do_next() -> None:
    for row in ERRORS.values():
        fields = {name for _, name, _, _ in string.Formatter().parse(row.message) if name}
        assert row.hint and row.message, row
        assert all(name.isidentifier() for name in fields), row


def test_every_error_is_provoked_somewhere() -> None:
    """By its name, or by its code or number in a test that knows no names."""
    tests = Path(__file__).parents[1]
    files = (path for path in tests.rglob("*") if path.suffix in (".py", ".ts", ".js", ".mjs"))
    words = {word for path in files for word in re.findall(r"[\w-]+", path.read_text())}
    untold = [slug for slug, row in ERRORS.items() if not {slug, row.code, str(row.number)} & words]
    assert untold == []
