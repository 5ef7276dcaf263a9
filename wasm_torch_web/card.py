"""What the user and a model folder's README.md, as Hugging Face has them, say of a model in; its
author and licence for model.json out. The text itself goes into the package as MODEL_CARD.md.
"""

from __future__ import annotations

import re
from pathlib import Path

from wasm_torch_web.errors import UserError

FILE = "MODEL_CARD.md"
SOURCE = "README.md"
MAX_BYTES = 1 << 20

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)^---\s*$", re.DOTALL | re.MULTILINE)
_LICENSE = re.compile(r"^license:[ \t]*[\"']?([\w.+-]+)[\"']?[ \t]*$", re.MULTILINE)
_IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9.+-]*"
_TERM = rf"{_IDENTIFIER}(?: WITH {_IDENTIFIER})?"
_EXPRESSION = re.compile(rf"{_TERM}(?: (?:AND|OR) {_TERM})*")
# Hugging Face writes SPDX's identifiers in small letters; others are names of its own.
_SPDX = {
    name.lower(): name
    for name in (
        *("AFL-3.0", "Apache-2.0", "Artistic-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0"),
        *("CC0-1.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0"),
        *("CC-BY-NC-2.0", "CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0"),
        *("CC-BY-NC-ND-4.0", "CC-BY-ND-4.0", "ECL-2.0", "EPL-2.0", "ISC", "MIT", "MPL-2.0"),
        *("MS-PL", "NCSA", "OFL-1.1", "OSL-3.0", "PostgreSQL", "Unlicense", "WTFPL", "Zlib"),
    )
}


def fields(license: str | None, author: str | None, card: Path | None) -> dict[str, str]:
    """The entries `license` and `author` of model.json, where they are known: the licence that the
    user named, else the card's.

    Raises UserError license-invalid.
    """
    if license is not None and not _EXPRESSION.fullmatch(license):
        raise UserError("license-invalid", license=license)
    known = {"license": license or _license_of(card), "author": author}
    return {name: text for name, text in known.items() if text}


def find(folder: Path) -> Path | None:
    """The card in a model's folder."""
    file = folder / SOURCE
    return file if file.is_file() and file.stat().st_size <= MAX_BYTES else None


def _license_of(card: Path | None) -> str | None:
    if card is None:
        return None
    front = _FRONT_MATTER.match(card.read_text(encoding="utf-8", errors="replace"))
    found = front and _LICENSE.search(front[1])
    return _SPDX.get(found[1].lower(), f"SEE LICENSE IN {FILE}") if found else None
