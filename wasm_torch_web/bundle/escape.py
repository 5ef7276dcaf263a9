"""Names from a model in, text that is safe inside JavaScript, doc comments and Markdown out.

A name may hold anything printable: `</script>`, quotes, `*/`, back-ticks.
"""

from __future__ import annotations

import json
import re

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def js_string(text: str) -> str:
    """A string literal that ends neither a script element, a comment nor a Markdown fence."""
    literal = json.dumps(text)  # ASCII only: line separators too are escaped
    for character in "<>`/":
        literal = literal.replace(character, f"\\u{ord(character):04x}")
    return "'" + literal[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def js_key(text: str) -> str:
    """A property name of an object literal or an interface."""
    return text if _IDENTIFIER.fullmatch(text) else js_string(text)


def js_member(text: str) -> str:
    """The access to a property: `.name` or `['na me']`."""
    return f".{text}" if _IDENTIFIER.fullmatch(text) else f"[{js_string(text)}]"


def doc(text: str) -> str:
    """One line of a doc comment."""
    return " ".join(text.split()).replace("*/", "* /").replace("/*", "/ *")


def code(text: str) -> str:
    """A code span of Markdown that holds in a table."""
    flat = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    if longest == 0:
        return f"`{flat}`"
    fence = "`" * (longest + 1)
    return f"{fence} {flat} {fence}"
