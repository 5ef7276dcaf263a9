"""Programs that once failed, as they were shrunk: each stays built and right."""

from __future__ import annotations

import torch

from fuzz.graphs.program import Call, Input, Program

PARTS = {"name": "tensor_split", "parts": 3, "dim": 1}
FOUND = {
    # Ran at sizes with another remainder than the example's, and gave other outputs.
    "parts that depend on a remainder": Program(
        (Input((2, "m"), torch.float32, 0), Call("split", ((0, 0),), PARTS)), ((1, 2),)
    ),
    # Was built, and refused by the kernel at every size.
    "a slice that ends before it begins is written": Program(
        (
            Input(("n", 4), torch.float32, 0),
            Call("write", ((0, 0),), {"dim": 0, "start": -2, "stop": 2, "step": 1}),
        ),
        ((1, 0),),
    ),
}
