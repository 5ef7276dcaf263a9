"""What is changed of a source, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutants import mutation
from mutants.mutation import mutants

SOURCES = {
    "a.cc": (
        '// 1 < 2 && 3\nWTW_REQUIRE(checker, a < b, 0);\nuse<Type>("a < b", x->y);\n',
        {
            "true || a < b, 0": "WTW_REQUIRE(checker, true || a < b, 0);",
            "<=": "WTW_REQUIRE(checker, a <= b, 0);",
            ">=": "WTW_REQUIRE(checker, a >= b, 0);",
            "1": "WTW_REQUIRE(checker, a < b, 1);",
        },
    ),
    "a.ts": (
        "/* a + b */\nif (!ok) throw wrong('a - b');\n",
        {
            "true": "if (true || !ok) throw wrong('a - b');",
            "false": "if (false && !ok) throw wrong('a - b');",
            "not": "if (ok) throw wrong('a - b');",
            "nothing": "if (!ok) ;",
        },
    ),
    "a.py": (
        '"""a + b"""\ndef f(x: int | None) -> str:  # not so\n    return x[1:] is not None\n',
        {
            "not": "    return not x[1:] is not None",
            "nothing": "    False and x[1:] is not None",
            "number": "    return x[2:] is not None",
            "is": "    return x[1:] is None",
        },
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_one_token_is_changed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    source, expected = SOURCES[name]
    (tmp_path / name).write_text(source)
    whole = source.splitlines()
    found = []
    for mutant in mutants(name):
        changed = mutant.text().splitlines()
        assert len(changed) == len(whole)
        ((line, was),) = {*enumerate(changed, 1)} - {*enumerate(whole, 1)}
        assert line == mutant.line
        found.append(was)
    assert sorted(found) == sorted(expected.values())
