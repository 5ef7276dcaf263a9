"""Measurements: `python -m bench` beside the peers, `python -m bench.kernels` beside the peak.

The project's set-up is written as scripts, and model factories lie with the tests and examples: all
are found from here on.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / name) for name in ("scripts", "tests", "examples")]
