"""Named tensors and numbers in, one message of bytes out, and back: what Python and JavaScript
exchange.

u32 length of the head, the head (JSON: a list of `{name, dtype, shape, offset, bytes}` or
`{name, value}`), then the tensors' dense elements at multiples of 8. `verify/page/exchange.js`
mirrors it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

ALIGN = 8


class Part(NamedTuple):
    """A tensor: PyTorch's name of its dtype, its shape, its dense elements."""

    dtype: str
    shape: tuple[int, ...]
    content: bytes | memoryview


def pack(values: Mapping[str, Part | float]) -> bytes:
    """The message that holds `values`."""
    head: list[dict[str, Any]] = []
    body = bytearray()
    for name, value in values.items():
        if not isinstance(value, Part):
            head.append({"name": name, "value": value})
            continue
        entry = {"dtype": value.dtype, "shape": list(value.shape), "offset": len(body)}
        head.append({"name": name, **entry, "bytes": len(value.content)})
        body += value.content
        body += bytes(-len(body) % ALIGN)
    text = json.dumps(head).encode()
    text += b" " * (-(len(text) + 4) % ALIGN)
    return len(text).to_bytes(4, "little") + text + bytes(body)


def unpack(message: bytes) -> dict[str, Part | float]:
    """The values that a message holds; numbers that JSON lacks are text in it."""
    view = memoryview(message)
    start = 4 + int.from_bytes(view[:4], "little")
    head = json.loads(bytes(view[4:start]))
    return {entry["name"]: _value(entry, view[start:]) for entry in head}


def _value(entry: dict[str, Any], body: memoryview) -> Part | float:
    if "value" in entry:
        value = entry["value"]
        return float(value) if isinstance(value, str) else value
    first = entry["offset"]
    content = body[first : first + entry["bytes"]]
    return Part(entry["dtype"], tuple(entry["shape"]), content)
