"""The error table."""

from __future__ import annotations

import string
from collections import Counter

from wasm_torch_web.errors import ERRORS


def test_no_two_errors_share_a_code() -> None:
    twice = [code for code, n in Counter(row.code for row in ERRORS.values()).items() if n > 1]
    assert not twice


def test_every_error_says_what_to_do_next() -> None:
    for row in ERRORS.values():
        fields = {name for _, name, _, _ in string.Formatter().parse(row.message) if name}
        assert row.hint and row.message, row
        assert all(name.isidentifier() for name in fields), row
