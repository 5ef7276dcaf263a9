"""The messages of `wasm_torch_web.messages`, with torch's tensors."""

from __future__ import annotations

from torch import Tensor

from wasm_torch_web.format.weights import raw
from wasm_torch_web.messages import Part, pack, unpack
from wasm_torch_web.ops.table import dtype_name
from wasm_torch_web.verify.golden import tensor_from
from wasm_torch_web.verify.reference import Flat


def encode(values: Flat) -> bytes:
    """The message that holds `values`."""
    return pack(
        {
            name: Part(dtype_name(value.dtype), tuple(value.shape), raw(value))
            if isinstance(value, Tensor)
            else value
            for name, value in values.items()
        }
    )


def decode(message: bytes) -> Flat:
    """The values that a message holds."""
    return {
        name: tensor_from(bytes(value.content), value.dtype, value.shape)
        if isinstance(value, Part)
        else value
        for name, value in unpack(message).items()
    }
