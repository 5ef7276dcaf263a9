"""A template's name and its fields in, text out; the templates are files in `templates/`."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).with_name("templates")


def fill(template: str, /, **fields: str) -> str:
    """The template with every `@field@` replaced, once: what is put in is not looked at again."""
    text = (FOLDER / template).read_text(encoding="utf-8")
    return re.sub(r"@(\w+)@", lambda match: fields[match[1]], text)
