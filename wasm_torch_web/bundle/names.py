"""npm names: a package name and version in, the same out or a coded error."""

from __future__ import annotations

import re

from wasm_torch_web.errors import UserError

_PART = r"[a-z0-9~-][a-z0-9._~-]*"
_NAME = re.compile(rf"(?:@{_PART}/)?{_PART}")
_NUMBER = r"(?:0|[1-9]\d*)"
_LABEL = rf"(?:{_NUMBER}|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
# https://semver.org, without the leading "v" that npm would strip.
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_LABEL}(?:\.{_LABEL})*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)
MAX_LENGTH = 214
RESERVED = frozenset({"node_modules", "favicon.ico", "package.json"})


def check_name(name: str) -> str:
    """`name` if npm would publish it; raises UserError name-invalid."""
    if not _NAME.fullmatch(name) or len(name) > MAX_LENGTH or name in RESERVED:
        raise UserError("name-invalid", name=name, what="name")
    return name


def check_version(version: str) -> str:
    """`version` if it is a semantic version; raises UserError name-invalid."""
    if not _VERSION.fullmatch(version) or len(version) > 64:
        raise UserError("name-invalid", name=version, what="version")
    return version


def suggest_name(text: str) -> str:
    """A valid package name as close to `text` (a file's stem, a class's name) as can be."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()
    name = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:MAX_LENGTH].strip("-")
    return name if name and name not in RESERVED else "model"


def bare(name: str) -> str:
    """The name without its scope: what the command of the package is called."""
    return name.rpartition("/")[2]
