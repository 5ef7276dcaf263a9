"""A quick slice of the zoo: small models of every source and kind, on the shipped wasm."""

from __future__ import annotations

import pytest

from zoo.zoo import examine

SLICE = (
    "timm/test_convnext",
    "timm/test_resnet",
    "timm/test_vit",
    "torchvision/shufflenet_v2_x0_5",
    "transformers/clip",
    "transformers/deberta-v2",
    "transformers/mixtral",
    "transformers/t5",
)


@pytest.mark.parametrize("name", SLICE)
def test_passes(name: str) -> None:
    found = examine(name)
    assert found["result"] == "passed", found
