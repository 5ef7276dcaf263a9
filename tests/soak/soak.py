"""A long visit to one page: models loaded, run, aborted and disposed of, in a browser of its own.

    PYTHONPATH=tests python -m soak.soak [--minutes 30] [--seed 0]

Every output must be PyTorch's, every error one that was asked for, and the memory of the page must
not grow: its median of the last quarter stays within 10% and 16 MiB of that of the second one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from support.moments import moments
from torch import Tensor, nn

from wasm_torch_web.pipeline import build

PAGE = Path(__file__).with_name("page")
GC = "--js-flags=--expose-gc"
PATIENCE = 120  # seconds without a word: it hangs
MIB = 1 << 20


class Picture(nn.Module):
    """Convolutions of every kind, Winograd's among them; any height."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2, 1)
        self.wide = nn.Conv2d(32, 64, 3, padding=1)
        self.deep = nn.Conv2d(64, 64, 5, padding=2, groups=64)
        self.head = nn.Linear(64, 10)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = self.deep(torch.relu(self.wide(torch.relu(self.stem(image)))))
        return {"scores": self.head(x.mean((2, 3))).softmax(-1)}


class Text(nn.Module):
    """Attention over any number of words."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 64)
        self.layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        return {"words": self.layer(self.words(ids))}


class Sound(nn.Module):
    """A recurrence."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(16, 64, batch_first=True)

    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        return {"states": self.lstm(frames)[0]}


def models() -> dict[str, tuple[nn.Module, list[dict[str, Tensor]], str]]:
    """Name -> module, inputs of several sizes, the axis that is dynamic."""
    pictures = [{"image": torch.randn(1, 3, h, 48)} for h in (32, 48, 80)]
    texts = [{"ids": torch.randint(50, (1, n))} for n in (3, 17, 64)]
    sounds = [{"frames": torch.randn(1, n, 16)} for n in (4, 9, 50)]
    return {
        "picture": (Picture().eval(), pictures, "image.2=height:32..96"),
        "text": (Text().eval(), texts, "ids.1=words:2..64"),
        "sound": (Sound().eval(), sounds, "frames.1=frames:2..64"),
    }


def make(folder: Path) -> None:
    """Packages, and cases.json with what PyTorch makes of their inputs."""
    torch.manual_seed(0)
    cases: dict[str, Any] = {}
    for name, (module, inputs, axis) in models().items():
        build(module, (next(iter(inputs[0].values())),), dynamic=[axis], out=folder / name)
        with torch.no_grad():
            outputs = [module(**given) for given in inputs]
        cases[name] = [
            {"inputs": as_json(given), "outputs": as_json(found)}
            for given, found in zip(inputs, outputs, strict=True)
        ]
    (folder / "cases.json").write_text(json.dumps(cases))


def as_json(tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {
        name: {"data": tensor.flatten().tolist(), "shape": list(tensor.shape)}
        for name, tensor in tensors.items()
    }


def soak(minutes: float, seed: int) -> bool:
    """Whether all was as it should be; says what was seen."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        end, memory, facts = time.monotonic() + 60 * minutes, [], {}
        with moments(PAGE, folder, folder / "profile", {"seed": seed}, GC) as told:
            while time.monotonic() < end and not facts.get("wrong"):
                processes, facts = told.get(timeout=PATIENCE)
                memory.append(max(process["VmRSS"] for process in processes.values()))
                counts = " ".join(f"{k} {v}" for k, v in facts.items() if isinstance(v, int))
                print(f"{counts}; {memory[-1] / MIB:.0f} MiB", flush=True)
    for text in facts["wrong"]:
        print(text)
    return is_flat(memory) and not facts["wrong"]


def is_flat(memory: list[int]) -> bool:
    """Whether these bytes, one after the other, do not grow; says what they came to."""
    quarter = max(len(memory) // 4, 1)
    early, late = (
        statistics.median(part) for part in (memory[quarter : 2 * quarter], memory[-quarter:])
    )
    print(f"memory: {early / MIB:.0f} MiB in the second quarter, {late / MIB:.0f} in the last")
    return late <= 1.1 * early + 16 * MIB


def main(soak: Callable[[float, int], bool], description: str) -> None:
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(not soak(arguments.minutes, arguments.seed))


if __name__ == "__main__":
    main(soak, __doc__)
