"""A Hugging Face model of texts and its examples in, the axes out that any user would want dynamic.

Examples of transformers are 3 texts of 5 tokens; nobody builds a package for just that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from wasm_torch_web.axes import DynamicAxis

POSITIONS = "position_embeddings"
MOST_TEXTS = 64
MOST_TOKENS = 512  # where nothing limits the positions, as in T5


def text_axes(model: Any, examples: Mapping[str, torch.Tensor]) -> Iterator[DynamicAxis]:
    """Batch and length of every input of tokens; none for a model that takes no token ids."""
    if "input_ids" not in examples:
        return
    longest = _positions(model)
    for name, example in examples.items():
        if example.dim() == 2:
            length = "decoder_sequence" if name.startswith("decoder_") else "sequence"
            yield DynamicAxis(name, 0, 1, MOST_TEXTS, "batch")
            yield DynamicAxis(name, 1, 1, longest, length)


def _positions(model: Any) -> int:
    """The longest text: RoBERTa and its kin give the positions up to the padding to no token."""
    positions = getattr(model.config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions < 1:
        return MOST_TOKENS
    tables = (module for name, module in model.named_modules() if name.endswith(POSITIONS))
    padding = (getattr(table, "padding_idx", None) for table in tables)
    return positions - next((index + 1 for index in padding if index is not None), 0)
