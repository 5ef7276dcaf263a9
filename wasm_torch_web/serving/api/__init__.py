"""Packages in, an inference service over HTTP out: the Open Inference Protocol, version 2.

A request goes `routes` ▶ `requests` (bytes → tensors) ▶ `batching` (its model's queue) ▶ `pool`
(the least loaded process) ▶ `process` … `worker` ▶ `host` (the wasm) and back ▶ `answers`.
"""

from __future__ import annotations

from wasm_torch_web.serving.api.service import Service
from wasm_torch_web.serving.api.settings import Settings

__all__ = ["Service", "Settings"]
