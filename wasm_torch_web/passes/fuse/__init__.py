"""Fusion: the patterns in the order they are tried, each a pass over the whole graph."""

from __future__ import annotations

from wasm_torch_web.passes.fuse.pattern import Pass
from wasm_torch_web.passes.fuse.product import (
    fold_batch_norm,
    fold_padding,
    fuse_activation,
    fuse_residual,
)

# A product's epilogue adds its residual before it activates: so the additions come first.
PATTERNS: tuple[Pass, ...] = (
    fold_batch_norm,
    fold_padding,
    fuse_residual,
    fuse_activation,
)
