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


def _fake_output(input: Tensor, state: Tensor, bidirectional: bool) -> Tensor:
    directions = 2 if bidirectional else 1
    return input.new_empty(input.shape[0], input.shape[1], directions * state.shape[2])


def _fake_lstm(
    input: Tensor,
    hx: list[Tensor],
    params: list[Tensor],
    has_biases: bool,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    output = _fake_output(input, hx[0], bidirectional)
    return (output, *(state.new_empty(state.shape) for state in hx))


def _fake_rnn(
    input: Tensor,
    hx: Tensor,
    params: list[Tensor],
    has_biases: bool,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    return _fake_output(input, hx, bidirectional), hx.new_empty(hx.shape)


def _real(function: Callable[..., tuple[Tensor, ...]]) -> Callable[..., tuple[Tensor, ...]]:
    def run(
        input: Tensor,
        hx: Any,
        params: list[Tensor],
        has_biases: bool,
        num_layers: int,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Tensor, ...]:
        return function(
            input, hx, params, has_biases, num_layers, 0.0, False, bidirectional, batch_first
        )

    return run


def _define(name: str, hx: str, outputs: str, fake: Callable[..., Any]) -> Any:
    schema = _ARGUMENTS.format(hx=hx, outputs=outputs)
    operator = torch.library.custom_op(
        f"wtw::{name}", _real(getattr(_VF, name)), mutates_args=(), schema=schema
    )
    operator.register_fake(fake)
    return operator


_OPERATORS = {
    "lstm": _define("lstm", "Tensor[]", "Tensor, Tensor, Tensor", _fake_lstm),
    "gru": _define("gru", "Tensor", "Tensor, Tensor", _fake_rnn),
    "rnn_tanh": _define("rnn_tanh", "Tensor", "Tensor, Tensor", _fake_rnn),
    "rnn_relu": _define("rnn_relu", "Tensor", "Tensor, Tensor", _fake_rnn),
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
