"""What random programs are made of: how each operator is drawn, and how it is called.

A draw takes its tensors from `Draw` and gives the call's options; whether such a call is possible
is found out by trying it, so that a draw need not know any rules of shapes.
"""

from __future__ import annotations

from fuzz.graphs import elements, layers, shapes
from fuzz.graphs.draw import Operator

OPERATORS: dict[str, Operator] = elements.OPERATORS | layers.OPERATORS | shapes.OPERATORS
