"""Outputs with labels in, their best classes out: what classes.js does in a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy
from numpy.typing import NDArray

from wasm_torch_web.engine.records import of_bfloat16

Ports = Mapping[str, Mapping[str, Any]]  # of the manifest, by name
Scores = NDArray[numpy.float64]
Best = dict[str, Any]  # label, index, score


def classified(outputs: Mapping[str, Any], ports: Ports, top: int = 5) -> dict[str, Any]:
    """By the name of each output that has labels: the best first, a list of such of a batch."""
    return {
        name: _classes(port, outputs[name], top)
        for name, port in ports.items()
        if "classes" in port
    }


def _classes(port: Mapping[str, Any], values: NDArray[Any], top: int) -> list[Any]:
    labels, score = port["classes"]["labels"], SCORES[port["classes"]["scores"]]
    numbers = of_bfloat16(values) if port["dtype"] == "bfloat16" else values
    rows = [
        _best(row, labels, top) for row in score(numbers.reshape(-1, len(labels)).astype("<f8"))
    ]
    return rows[0] if all(size == 1 for size in port["shape"][:-1]) else rows


def _best(row: Scores, labels: list[str], top: int) -> list[Best]:
    order = numpy.argsort(-row, kind="stable")[:top].tolist()
    return [{"label": labels[one], "index": one, "score": float(row[one])} for one in order]


def _softmax(rows: Scores) -> Scores:
    powers = numpy.exp(rows - rows.max(-1, keepdims=True, initial=-numpy.inf))
    shares: Scores = powers / powers.sum(-1, keepdims=True)
    return shares


def _sigmoid(rows: Scores) -> Scores:
    shares: Scores = 1 / (1 + numpy.exp(-rows))
    return shares


SCORES: dict[str, Callable[[Scores], Scores]] = {
    "softmax": _softmax,
    "sigmoid": _sigmoid,
    "given": lambda rows: rows,
}
