"""What a program takes or gives in, the first NaN or infinity in it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy

from wasm_torch_web.engine.records import of_bfloat16
from wasm_torch_web.errors import UserError

# What is done with inputs that have NaN or infinities.
OnInvalid = Literal["allow", "error"]
ON_INVALID: tuple[OnInvalid, ...] = ("allow", "error")


def not_finite(
    slug: str, ports: Iterable[Mapping[str, Any]], values: Mapping[str, Any]
) -> UserError | None:
    """`slug` (input-not-finite, output-not-finite) for the first of the values, by the names of
    the manifest's ports, that has NaN or an infinity; it names that element."""
    for port in ports:
        array = numpy.asarray(values[port["name"]])
        if port.get("dtype") == "bfloat16":
            array = of_bfloat16(array)
        if array.dtype.kind not in "fc":
            continue
        finite = numpy.isfinite(array)
        if not finite.all():
            index = numpy.unravel_index(int(finite.argmin()), array.shape)
            place = [int(i) for i in index]
            return UserError(slug, name=port["name"], value=array[index], index=place)
    return None
