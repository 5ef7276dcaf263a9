"""What tests of a session start from: inputs of the sample plan, damaged samples, failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.native import Failure, Library, NativeModel
from support.plans import Sections, sample

from wasm_torch_web.errors import ERRORS

C, VALUES, INDICES, Z, COUNTED, TWICE, HALF, MANY, NEGATED = range(9)  # outputs
OUTPUTS = 9


def code(slug: str) -> int:
    return ERRORS[slug].number


def inputs(rows: int, n: int = 3, seed: int = 0) -> list[Any]:
    """x, n, flag and real of the sample."""
    x = torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed))
    return [x, n, 1, 0]


def edited(library: Library, edit: Callable[[Sections], Any]) -> NativeModel:
    """The sample with some records changed; still a plan that parses."""
    plan, weights = sample()
    sections = Sections(plan)
    edit(sections)
    return NativeModel(library, sections.pack(), weights)


def failing(model: NativeModel, given: list[Any]) -> Failure:
    """Why that run fails."""
    with pytest.raises(Failure) as caught:
        model.run(given, OUTPUTS)
    return caught.value
