"""Recurrent layers: the input's part for all steps at once as a `linear`, then a scan over time.

Every layer and direction is one scan; gates are (time, batch, gates * hidden) with the gates in
PyTorch's order. Hidden-to-hidden weights are packed so that one panel holds all gates of a few
hidden units: [ceil(hidden / units)][state][gates][units], zero padded, gates * units <= 32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from wasm_torch_web import recurrent_capture  # noqa: F401  defines torch.ops.wtw
from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.table import F32, Attributes, Case, Shapes, enum, flag, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

# Hidden units in one panel, by the number of gates.
UNITS = {4: 8, 3: 8, 1: 32}


def _unpack(packed: Tensor, gates: int, hidden: int) -> Tensor:
    """(gates * hidden, state) from panels."""
    panels, state, _ = packed.shape
    units = UNITS[gates]
    rows = packed.reshape(panels, state, gates, units).permute(2, 0, 3, 1)
    return rows.reshape(gates, panels * units, state)[:, :hidden].reshape(gates * hidden, state)


def _pack(b: Builder, weight: Value, gates: int) -> Value:
    """Panels from (gates * hidden, state)."""
    units = UNITS[gates]
    rows, state = weight.shape
    hidden = rows // gates
    panels = -(-hidden // units)
    x = b.emit("reshape", [weight], {"size": (gates, hidden, state)})
    if hidden % units:
        pad = (0, 0, 0, panels * units - hidden)
        x = b.call("aten.constant_pad_nd.default", self=x, pad=pad, value=0)
    x = b.emit("reshape", [x], {"size": (gates, panels, units, state)})
    x = b.emit("permute", [x], {"dims": (1, 3, 0, 2)})
    packed: Value = b.emit("reshape", [x], {"size": (panels, state, gates * units)})
    return packed


def _scan(
    operator: Any, gates: Tensor, hx: Any, weights: list[Tensor], bias: Tensor | None, reverse: bool
) -> tuple[Tensor, ...]:
    """PyTorch's layer on inputs that are the gates already: its input weights are the identity."""
    width = gates.shape[2]
    zeros = gates.new_zeros(width)
    identity = torch.eye(width, dtype=gates.dtype)
    params = [identity, weights[0], zeros, zeros if bias is None else bias, *weights[1:]]
    x = gates.flip(0) if reverse else gates
    output, *states = operator(x, hx, params, True, 1, False, False)
    return (output.flip(0) if reverse else output, *(state.squeeze(0) for state in states))


def _lstm(
    gates: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    h0: Tensor,
    c0: Tensor,
    projection: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, ...]:
    weights = [_unpack(weight, 4, c0.shape[1])]
    if projection is not None:
        weights.append(_unpack(projection, 1, h0.shape[1]))
    hx = [h0.unsqueeze(0), c0.unsqueeze(0)]
    return _scan(torch.ops.wtw.lstm, gates, hx, weights, bias, reverse)


def _gru(
    gates: Tensor, weight: Tensor, bias: Tensor | None, h0: Tensor, reverse: bool
) -> tuple[Tensor, ...]:
    weights = [_unpack(weight, 3, h0.shape[1])]
    return _scan(torch.ops.wtw.gru, gates, h0.unsqueeze(0), weights, bias, reverse)


def _rnn(
    gates: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    h0: Tensor,
    nonlinearity: str,
    reverse: bool,
) -> tuple[Tensor, ...]:
    operator = getattr(torch.ops.wtw, f"rnn_{nonlinearity}")
    weights = [_unpack(weight, 1, h0.shape[1])]
    return _scan(operator, gates, h0.unsqueeze(0), weights, bias, reverse)


# (time, batch, hidden)
SIZES = ((1, 1, 1), (5, 1, 3), (4, 3, 8), (3, 5, 17), (2, 1, 32), (7, 4, 33), (2, 17, 40))


def _packed(gates: int, hidden: int, state: int, seed: int) -> Tensor:
    units = UNITS[gates]
    weight = normal(-(-hidden // units), state, gates, units, seed=seed) / math.sqrt(state)
    weight[-1, :, :, hidden - (len(weight) - 1) * units :] = 0
    return weight.reshape(len(weight), state, gates * units)


def _operands(gates: int, time: int, batch: int, hidden: int) -> tuple[Tensor, ...]:
    """Gates (of a layer whose batch comes first, for even times), weights, bias and state."""
    x = normal(time, batch, gates * hidden, seed=1)
    if time % 2 == 0:
        x = normal(batch, time, gates * hidden, seed=1).permute(1, 0, 2)
    bias = normal(gates * hidden, seed=3)
    return x, _packed(gates, hidden, hidden, seed=2), bias, normal(batch, hidden, seed=4)


def _lstm_cases() -> Iterator[Case]:
    for time, batch, hidden in SIZES:
        x, weight, bias, h0 = _operands(4, time, batch, hidden)
        c0 = normal(batch, hidden, seed=5)
        for reverse in (False, True):
            yield Case((x, weight, bias, h0, c0, None), {"reverse": reverse})
        yield Case((x, weight, None, h0, c0, None), {"reverse": False})
        state = (hidden + 1) // 2
        if state < hidden:
            weight, projection = _packed(4, hidden, state, seed=2), _packed(1, state, hidden, 6)
            h0 = normal(batch, state, seed=4)
            yield Case((x, weight, bias, h0, c0, projection), {"reverse": True})


def _gru_cases() -> Iterator[Case]:
    for time, batch, hidden in SIZES:
        x, weight, bias, h0 = _operands(3, time, batch, hidden)
        for reverse in (False, True):
            yield Case((x, weight, bias, h0), {"reverse": reverse})
        yield Case((x, weight, None, h0), {"reverse": False})


def _rnn_cases() -> Iterator[Case]:
    for time, batch, hidden in SIZES:
        x, weight, bias, h0 = _operands(1, time, batch, hidden)
        for nonlinearity in ("tanh", "relu"):
            for reverse in (False, True):
                chosen = {"nonlinearity": nonlinearity, "reverse": reverse}
                yield Case((x, weight, bias, h0), chosen)
        yield Case((x, weight, None, h0), {"nonlinearity": "tanh", "reverse": False})


def _flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    # Both weights are packed in panels, some columns of which are zeros.
    weights = [inputs[1], *filter(None, inputs[5:])]
    time, batch, _ = inputs[0]
    return 2 * time * batch * sum(map(math.prod, weights))


COMMON = [
    tensor("gates", F32, "rows"),
    tensor("weight"),
    tensor("bias", optional=True),
    tensor("h0", F32, "rows"),
]

scan_row = partial(row, inputs=COMMON, outputs=[tensor("output"), tensor("h")], flops=_flops)

scan_row(
    "lstm_scan",
    inputs=[*COMMON, tensor("c0", F32, "rows"), tensor("projection", optional=True)],
    outputs=[tensor("output"), tensor("h"), tensor("c")],
    attributes=[flag("reverse", False)],
    reference=_lstm,
    cases=_lstm_cases,
)

scan_row(
    "gru_scan",
    attributes=[flag("reverse", False)],
    reference=_gru,
    cases=_gru_cases,
)

scan_row(
    "rnn_scan",
    attributes=[enum("nonlinearity", "tanh", "relu"), flag("reverse", False)],
    reference=_rnn,
    cases=_rnn_cases,
)


class _Layers:
    """The parameters of all layers and directions, in PyTorch's order, and what runs one."""

    def __init__(self, b: Builder, a: dict[str, Any], scan: str, gates: int) -> None:
        self.b, self.scan, self.gates = b, scan, gates
        self.has_biases: bool = a["has_biases"]
        self.directions = 2 if a["bidirectional"] else 1
        self.count = a["num_layers"] * self.directions
        self.params: list[Value] = list(a["params"])
        self.each = len(self.params) // self.count  # weights, biases and, with proj_size, w_hr

    def run(
        self, index: int, x: Value, hx: list[Value], attributes: dict[str, Any], swap: bool
    ) -> tuple[Value, ...]:
        """One layer in one direction; `swap` where x has its batch first. The output has time."""
        b = self.b
        params = self.params[index * self.each : (index + 1) * self.each]
        biases = params[2:4] if self.has_biases else [None, None]
        extra = params[4 if self.has_biases else 2 :]
        gates = b.call("aten.linear.default", input=x, weight=params[0], bias=biases[0])
        if swap:
            gates = b.emit("permute", [gates], {"dims": (1, 0, 2)})
        states = [b.emit("select", [state], {"dim": 0, "index": index}) for state in hx]
        operands = [gates, _pack(b, params[1], self.gates), biases[1], *states]
        if self.gates == 4:
            operands.append(_pack(b, extra[0], 1) if extra else None)
        reverse = index % self.directions == 1
        result: tuple[Value, ...] = b.emit(self.scan, operands, {**attributes, "reverse": reverse})
        return result


def _lower(
    b: Builder, a: dict[str, Any], *, scan: str, gates: int, attributes: dict[str, Any]
) -> tuple[Value, ...] | None:
    """All layers; gives the output and each state of shape (layers * directions, batch, hidden)."""
    x: Value = a["input"]
    if x.dtype != torch.float32 or (a.get("train") and a["dropout"] > 0):
        return None
    hx = list(a["hx"]) if isinstance(a["hx"], (list, tuple)) else [a["hx"]]
    layers = _Layers(b, a, scan, gates)
    finals: list[tuple[Value, ...]] = []
    for first in range(0, layers.count, layers.directions):
        results = [
            layers.run(index, x, hx, attributes, swap=a["batch_first"] and first == 0)
            for index in range(first, first + layers.directions)
        ]
        outputs = [result[0] for result in results]
        x = outputs[0] if len(outputs) == 1 else b.emit("cat", outputs, {"dim": 2})
        finals += [result[1:] for result in results]
    if a["batch_first"]:
        x = b.emit("permute", [x], {"dims": (1, 0, 2)})
    states = [
        b.call("aten.stack.default", tensors=list(state), dim=0)
        for state in zip(*finals, strict=True)
    ]
    return (x, *states)


# What torch.nn calls: the row that scans one layer, its gates and attributes.
for name, scan, gates, attributes in (
    ("lstm", "lstm_scan", 4, {}),
    ("gru", "gru_scan", 3, {}),
    ("rnn_tanh", "rnn_scan", 1, {"nonlinearity": "tanh"}),
    ("rnn_relu", "rnn_scan", 1, {"nonlinearity": "relu"}),
):
    lowers(f"aten.{name}.input", f"wtw.{name}.default")(
        partial(_lower, scan=scan, gates=gates, attributes=attributes)
    )
