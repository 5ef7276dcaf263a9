"""Keeps recurrent layers whole during capture: torch.export would fix the length of their inputs.

In the context `keep_recurrent_whole()`, what torch.nn's LSTM, GRU and RNN call becomes one custom
operator each (`torch.ops.wtw.lstm`, `gru`, `rnn_tanh`, `rnn_relu`) that computes the same and whose
fake implementation leaves batch and time symbolic.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
from torch import _VF, Tensor
from torch.nn.modules import rnn as layers
from torch.nn.utils import rnn as sequences

from wasm_torch_web.errors import UserError

_ARGUMENTS = (
    "(Tensor input, {hx} hx, Tensor[] params, bool has_biases, int num_layers, "
    "bool bidirectional, bool batch_first) -> ({outputs})"
)


def _fake(input: Tensor, hx: Any, *rest: Any) -> tuple[Tensor, ...]:
    """Shapes alone: the output is as long as the input, states keep their shapes."""
    *_, bidirectional, _ = rest
    states = [hx] if isinstance(hx, Tensor) else hx
    width = states[0].shape[2] * (2 if bidirectional else 1)
    output = input.new_empty(input.shape[0], input.shape[1], width)
    return (output, *(state.new_empty(state.shape) for state in states))


def _define(name: str, hx: str, outputs: str) -> Any:
    def run(*arguments: Any) -> Any:
        *given, bidirectional, batch_first = arguments
        dropout, train = 0.0, False
        return getattr(_VF, name)(*given, dropout, train, bidirectional, batch_first)

    schema = _ARGUMENTS.format(hx=hx, outputs=outputs)
    operator = torch.library.custom_op(f"wtw::{name}", run, mutates_args=(), schema=schema)
    operator.register_fake(_fake)
    return operator


_OPERATORS = {
    "lstm": _define("lstm", "Tensor[]", "Tensor, Tensor, Tensor"),
    **{name: _define(name, "Tensor", "Tensor, Tensor") for name in ("gru", "rnn_tanh", "rnn_relu")},
}


def _replacement(operator: Any) -> Callable[..., tuple[Tensor, ...]]:
    """Takes what torch.nn passes to `_VF.lstm` and the like."""

    def run(input: Tensor, hx: Any, params: Any, has_biases: Any, *rest: Any) -> tuple[Tensor, ...]:
        if not isinstance(has_biases, bool):  # (data, batch_sizes, hx, params, ...)
            raise UserError("packed-sequence")
        num_layers, dropout, train, bidirectional, batch_first = rest
        if train and dropout > 0:
            raise UserError("training-program", reason="a recurrent layer with dropout")
        hx = hx if isinstance(hx, Tensor) else list(hx)
        result: tuple[Tensor, ...] = operator(
            input, hx, list(params), has_biases, num_layers, bidirectional, batch_first
        )
        return result

    return run


def _refuse_packing(*arguments: Any) -> None:
    raise UserError("packed-sequence")


class _Functions:
    """Stands in for `torch._VF` where torch.nn's recurrent layers and packing look it up."""

    def __init__(self) -> None:
        self._pack_padded_sequence = _refuse_packing
        for name, operator in _OPERATORS.items():
            setattr(self, name, _replacement(operator))

    def __getattr__(self, name: str) -> Any:
        return getattr(_VF, name)


@contextlib.contextmanager
def keep_recurrent_whole() -> Iterator[None]:
    """Recurrent layers called inside become single operators. Errors: packed-sequence."""
    functions = _Functions()
    with contextlib.ExitStack() as stack:
        for module in (layers, sequences):
            stack.enter_context(mock.patch.object(module, "_VF", functions))
        yield
