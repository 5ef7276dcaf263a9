"""A template's name and its fields in, text out; the templates are files in `templates/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).with_name("templates")


def fill(template: str, /, **fields: str) -> str:
    """The template with its fields."""
    return filled((FOLDER / template).read_text(encoding="utf-8"), fields)


def filled(text: str, fields: Mapping[str, str]) -> str:
    """The text with every `@field@` replaced, once: what is put in is not looked at again."""
    return re.sub(r"@(\w+)@", lambda match: fields[match[1]], text)
