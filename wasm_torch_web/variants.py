"""The names of the compiled runtimes, the best first."""

from __future__ import annotations

VARIANTS = ("relaxed-threads", "relaxed-single", "simd128-threads", "simd128-single")
