"""Pretrained models on real inputs: what the browser says is what a person expects."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from models import pretrained
from models.conftest import Proof
from models.zoo import Model
from torch import Tensor

Prove = Callable[[str, Model], Proof]


def outputs(prove: Prove, name: str, model: Model) -> tuple[Proof, dict[str, Tensor]]:
    """The proof, and what the browser gives for the model's own example."""
    proof = prove(name, model)
    proof.report.raise_if_failed()
    return proof, proof.in_browser(proof.example)


def test_minilm_sentences(prove: Prove) -> None:
    proof, given = outputs(prove, "minilm", pretrained.minilm())
    similarity = given["output"] @ given["output"].T
    assert similarity[0, 1] == pytest.approx(0.7553, abs=1e-3)  # paraphrases
    assert similarity[0, 2] == pytest.approx(0.0037, abs=1e-3)  # strangers
    longer = pretrained.tokens(" ".join(pretrained.SENTENCES) * 4)
    assert proof.agrees(longer)


def test_mobilenet_sees_a_cat(prove: Prove) -> None:
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    _, given = outputs(prove, "mobilenet", pretrained.mobilenet_v2())
    scores, classes = given["output"].softmax(1).topk(1)
    assert _IMAGENET_CATEGORIES[int(classes)] == "Egyptian cat"
    assert float(scores) == pytest.approx(0.714, abs=0.02)


@pytest.mark.parametrize("hertz", [110, 220, 440, 880])
def test_crepe_hears_pitch(hertz: int) -> None:
    """The architecture of the tests is the pretrained one: sines come out at their pitch."""
    time = torch.arange(1024) / 16000
    frame = pretrained.normalised(torch.sin(2 * torch.pi * hertz * time)[None])
    with torch.no_grad():
        best = int(pretrained.crepe().module(frame).argmax())
    assert 10 * 2 ** ((20 * best + 1997.379) / 1200) == pytest.approx(hertz, rel=0.02)


def test_crepe_follows_a_voice(prove: Prove) -> None:
    proof, given = outputs(prove, "crepe", pretrained.crepe())
    expected = proof.expected(proof.example)["output"]
    assert isinstance(expected, Tensor)
    assert torch.equal(given["output"].argmax(1), expected.argmax(1))


def test_pnet_finds_a_face(prove: Prove) -> None:
    _, given = outputs(prove, "pnet", pretrained.pnet())
    face = given["output_1"][0, 1]
    assert float(face.max()) == pytest.approx(0.9926, abs=2e-3)


def test_speaker_encoder(prove: Prove) -> None:
    outputs(prove, "speaker", pretrained.speaker())
