"""Fusion: the patterns in the order they are tried, each a pass over the whole graph."""

from __future__ import annotations

from wasm_torch_web.passes.fuse.activation import recognise_activation
from wasm_torch_web.passes.fuse.attention import (
    fold_attention_scale,
    fuse_attention,
    group_heads,
    recognise_causal,
)
from wasm_torch_web.passes.fuse.gate import gate_weights
from wasm_torch_web.passes.fuse.norm import absorb_norm_weights, recognise_norm
from wasm_torch_web.passes.fuse.pattern import Pass
from wasm_torch_web.passes.fuse.product import fold_padding, fuse_activation, fuse_residual
from wasm_torch_web.passes.fuse.scale import fold_scale
from wasm_torch_web.passes.fuse.siblings import merge_linears
from wasm_torch_web.passes.fuse.views import merge_reshapes, sink_views
from wasm_torch_web.passes.noops import remove_noops

# A product's epilogue adds its residual before it activates: so the additions come first.
PATTERNS: tuple[Pass, ...] = (
    recognise_activation,
    recognise_norm,
    sink_views,
    merge_reshapes,
    remove_noops,
    absorb_norm_weights,
    fuse_attention,
    fold_attention_scale,
    group_heads,
    recognise_causal,
    fold_scale,
    fold_padding,
    fuse_residual,
    fuse_activation,
    merge_linears,
    gate_weights,
)
