"""Fewer bits on real weights and real inputs: what a person would notice."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from models.quality import TASKS

import wasm_torch_web
from wasm_torch_web.pipeline import Prepared
from wasm_torch_web.progress import Line, Silent
from wasm_torch_web.quantize.drift import worst
from wasm_torch_web.quantize.spec import Spec
from wasm_torch_web.request import Request


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("mobilenet_v2", {"fp16": (0.51, 5e-3)}),  # its one linear layer is little of it
        ("minilm", {"fp16": (0.51, 2e-3), "dynamic": (0.74, 0.12)}),
    ],
)
def test_answers_stay(name: str, kinds: dict[str, tuple[float, float]], tmp_path: Path) -> None:
    """Of each kind: the share of float32's bytes, and the largest error."""
    task = TASKS[name]
    model, inputs = task.model(), task.inputs()[1::6]
    request = Request(model.module, (model.args, model.kwargs), dynamic=model.dynamic)
    prepared = Prepared(request, Line(Silent()))
    reference = prepared.opened.reference()
    expected = [torch.as_tensor(reference([one])[0]["output"]) for one in inputs]
    for kind, (size, error) in kinds.items():
        choice = prepared.choose(Spec(kind), inputs)
        result = prepared.package(tmp_path / kind, choice, verify=False)
        stored = sum(shard["bytes"] for shard in result.manifest["weights"]["shards"])
        assert stored < size * 4 * result.manifest["parameters"]
        assert 0 < worst(choice.drift) < error
        with wasm_torch_web.load(result.out) as loaded:
            given = [torch.from_numpy(loaded.run(one)["output"]) for one in inputs]
        words, share = task.judge(expected, given)
        assert share > 0.99, words
