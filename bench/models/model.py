"""What a benchmarked model is, and what its factories share with the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models import networks, zoo
from torch import Tensor, nn

__all__ = ["Field", "Model", "networks", "zoo"]


@dataclass
class Model:
    """A module in eval mode, its positional example inputs, and the axes that are dynamic."""

    module: nn.Module
    args: tuple[Tensor, ...]
    dynamic: tuple[str, ...] = ()


class Field(nn.Module):
    """A module that returns a record, reduced to one field of it."""

    def __init__(self, module: nn.Module, field: str) -> None:
        super().__init__()
        self.module, self.field = module, field

    def forward(self, x: Tensor) -> Any:
        return getattr(self.module(x), self.field)
