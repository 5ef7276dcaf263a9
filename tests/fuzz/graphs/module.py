"""A random program in, the nn.Module that PyTorch runs and that is built out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fuzz.graphs import layers
from fuzz.graphs.operators import OPERATORS
from fuzz.graphs.program import Call, Input, Program

Result = tuple[Tensor, ...]
Watch = Callable[[int, Result], None]


class Made(nn.Module):
    """The program as PyTorch runs it. `watch` is told of each call's results as they come."""

    def __init__(self, program: Program, watch: Watch | None = None) -> None:
        super().__init__()
        self.program = program
        self.watch = watch
        self.parts = nn.ModuleDict()
        for index, node in enumerate(program.nodes):
            if isinstance(node, Call) and node.module is not None:
                self.parts[str(index)] = _module(node)
        self.eval()

    def forward(self, *given: Tensor) -> list[Tensor]:
        arriving = iter(given)
        results: dict[int, Result] = {}
        for index, node in enumerate(self.program.nodes):
            if isinstance(node, Input):
                results[index] = (next(arriving),)
            elif node is not None:
                on = [results[i][j] for i, j in node.on]
                part = [self.parts[str(index)]] if node.module is not None else []
                result = OPERATORS[node.operator].call(*part, *on, **node.options)
                results[index] = tuple(result) if isinstance(result, (tuple, list)) else (result,)
                if self.watch is not None:
                    self.watch(index, results[index])
        return [results[i][j] for i, j in self.program.outputs]


def _module(call: Call) -> nn.Module:
    """With weights of the size that its own would have, from the call's seed."""
    assert call.module is not None
    name, arguments = call.module
    module: nn.Module = getattr(layers if hasattr(layers, name) else nn, name)(**arguments)
    generator = torch.Generator().manual_seed(call.seed)
    for weight in module.parameters():
        if weight.dim() > 1:
            weight.data.normal_(0, weight[0].numel() ** -0.5, generator=generator)
        else:  # of normalisation, and biases
            weight.data.uniform_(0.5, 1.5, generator=generator)
    for buffer in module.buffers():
        if name.startswith("BatchNorm") and buffer.dim():
            buffer.uniform_(0.5, 1.5, generator=generator)
    return module
