"""Named tensors and numbers in, one message of bytes out, and back: what Python and page exchange.

u32 length of the head, the head (JSON: a list of `{name, dtype, shape, offset, bytes}` or
`{name, value}`), then the tensors' dense elements at multiples of 8. `page/exchange.js` mirrors it.
"""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor

from wasm_torch_web.format.weights import raw
from wasm_torch_web.ops.table import dtype_name
from wasm_torch_web.verify.golden import tensor_from
from wasm_torch_web.verify.reference import Flat

ALIGN = 8


def encode(values: Flat) -> bytes:
    """The message that holds `values`."""
    head: list[dict[str, Any]] = []
    body = bytearray()
    for name, value in values.items():
        if not isinstance(value, Tensor):
            head.append({"name": name, "value": value})
            continue
        content = raw(value)
        entry = {"dtype": dtype_name(value.dtype), "shape": list(value.shape), "offset": len(body)}
        head.append({"name": name, **entry, "bytes": len(content)})
        body += content + bytes(-len(content) % ALIGN)
    text = json.dumps(head).encode()
    text += b" " * (-(len(text) + 4) % ALIGN)
    return len(text).to_bytes(4, "little") + text + bytes(body)


def decode(message: bytes) -> Flat:
    """The values that a message holds."""
    start = 4 + int.from_bytes(message[:4], "little")
    return {entry["name"]: _value(entry, message, start) for entry in json.loads(message[4:start])}


def _value(entry: dict[str, Any], message: bytes, start: int) -> Tensor | float:
    if "value" in entry:
        value: float = entry["value"]
        return value
    first = start + entry["offset"]
    return tensor_from(message[first : first + entry["bytes"]], entry["dtype"], entry["shape"])
