"""A source file in, its mutants out: one change of one token each, in C++, TypeScript and Python.

Formatters put blanks around binary operators and around nothing else that looks like one, so that
patterns tell them apart. What is no program any more is found by its compiler and does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pygments.lexers import get_lexer_for_filename
from pygments.token import Comment, String

ROOT = Path(__file__).parents[2]
# A binary operator -> what takes its place.
OPERATORS = {
    **{"<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<")},
    **{"==": ("!=",), "!=": ("==",), "===": ("!==",), "!==": ("===",)},
    **{"&&": ("||",), "||": ("&&",), "and": ("or",), "or": ("and",), "??": ("&&",)},
    **{"+": ("-",), "-": ("+",), "*": ("+",), "/": ("*",), "//": ("*",), "%": ("+",)},
    **{"<<": (">>",), "+=": ("-=", "="), "|=": ("=",)},
    **{"in": ("not in",), "not in": ("in",), "is": ("is not",), "is not": ("is",)},
}
_WORD = re.compile(r"(?<=\s)(?:not in|is not|[a-z]{2,3}|[-+*/%<>=!&|?]{1,3})(?=\s)")
# A pattern -> what takes its place, each a mutant: of all languages, then of one.
PATTERNS = {
    r"\b[0-9]+(?=u?\b(?!\.))": (lambda number: str(int(number) + 1),),
    r"\btrue\b|\bTrue\b|\bfalse\b|\bFalse\b": (
        lambda word: {"t": "false", "T": "False", "f": "true", "F": "True"}[word[0]],
    ),
}
C_LIKE = {
    r"!(?=[\w(])": ("",),
    r"\bif \(": ("if (true || ", "if (false && "),
    r"\breturn (?=\S)": ("return !",),
    r"\b(?:return|throw|yield\*?) [^;{}]*;|\b(?:continue|break);": (";",),
}
OF_SUFFIX = {
    ".ts": C_LIKE,
    ".cc": {
        **C_LIKE,
        r"WTW_REQUIRE\(\s*checker,\s*": (lambda begin: f"{begin}true || ",),
        r"\bWTW_TRY(?=\()": ("(void)",),
        r"(?<= )\|(?= )": ("&",),
        r"(?<= )&(?= )": ("|",),
    },
    ".py": {
        r"(?<!is )\bnot (?!in\b)": ("",),
        r"\b(?:if|elif|while) ": (lambda word: f"{word}True or ", lambda word: f"{word}False and "),
        r"\breturn (?=\S)": ("return not ",),
        r"\b(?:return|raise|yield from|yield) (?=\S)": ("False and ",),
        r"\bcontinue\b|\bbreak\b": ("pass",),
        r"(?<=\n) +(?=[a-z_][\w.]*\()": (lambda indent: f"{indent}False and ",),
    },
}


@dataclass(frozen=True)
class Mutant:
    """`new` in the place of `old`, which begins at that character of the file."""

    path: str  # from the root
    at: int
    old: str
    new: str
    line: int

    def text(self) -> str:
        """The whole file."""
        source = (ROOT / self.path).read_text(encoding="utf-8")
        return source[: self.at] + self.new + source[self.at + len(self.old) :]

    def __str__(self) -> str:
        source = self.text()
        end = self.at + len(self.new)
        begin = source.rfind("\n", 0, self.at) + 1
        until = source.find("\n", end)
        shown = f"{source[begin : self.at]}«{self.old}→{self.new}»{source[end:until]}"
        return f"{self.path}:{self.line}: {' '.join(shown.split())}"


def mutants(path: str) -> Iterator[Mutant]:
    """All of a file, in its order."""
    source = (ROOT / path).read_text(encoding="utf-8")
    bare = _bare(path, source)
    found = {(m.at, m.old, m.new): m for m in (*_operators(path, bare), *_patterns(path, bare))}
    yield from (found[key] for key in sorted(found))


def _bare(path: str, source: str) -> str:
    """The source with blanks for its comments, directives and texts."""
    lexer = get_lexer_for_filename(path, stripnl=False, ensurenl=False)
    parts = [
        re.sub(r"[^\n]", "~", text) if kind in Comment or kind in String else text
        for kind, text in lexer.get_tokens(source)
    ]
    bare = "".join(parts)
    assert len(bare) == len(source), path
    return bare


def _operators(path: str, bare: str) -> Iterator[Mutant]:
    for match in _WORD.finditer(bare):
        for new in OPERATORS.get(match[0], ()):
            yield _mutant(path, bare, match, new)


def _patterns(path: str, bare: str) -> Iterator[Mutant]:
    for pattern, makes in {**PATTERNS, **OF_SUFFIX[Path(path).suffix]}.items():
        for match in re.finditer(pattern, bare):
            for make in makes:
                yield _mutant(path, bare, match, make if isinstance(make, str) else make(match[0]))


def _mutant(path: str, bare: str, match: re.Match[str], new: str) -> Mutant:
    """Lines stay where they are."""
    lines = "\n" * (match[0].count("\n") - new.count("\n"))
    return Mutant(
        path, match.start(), match[0], new + lines, bare.count("\n", 0, match.start()) + 1
    )
