"""Random programs of PyTorch, built as a user's and run on the shipped wasm, next to eager PyTorch.

`operators` is what they are made of, `drawing` draws them from a seed, `program` and `module` are
what is drawn, `judging` builds and runs it, `shrinking` leaves out what a failure does not need.
`python -m fuzz.graphs SEED` does all of that to one.
"""

from __future__ import annotations

import logging

import torch


def quiet() -> None:
    """One thread, as tensors are small, and nothing that torch.export logs of what it refuses."""
    torch.set_num_threads(1)
    logging.getLogger("torch").setLevel(logging.CRITICAL)
