"""The valid packages, and what they run on."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._higher_order_ops import while_loop

from wasm_torch_web.pipeline import build


class Static(nn.Module):
    """No size changes; a state, a number that is the same in every run, random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.register_buffer("runs", torch.zeros(3))

    def forward(self, x: Tensor) -> dict[str, Any]:
        self.runs += 1
        rolled = torch.rand(3)
        return {"y": torch.relu(self.linear(x)) + self.runs, "seven": 7, "rolled": rolled}


class Dynamic(nn.Module):
    """A batch, a computed size and a guard."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)

    def forward(self, x: Tensor, ids: Tensor) -> dict[str, Any]:
        torch._check(x.shape[1] <= 7)
        sums = (x[:, :, None] * self.embedding(ids)[:, None]).sum(2)
        return {"sums": sums.softmax(1), "both": torch.cat([x, x], 1), "rows": x.shape[0]}


class Image(nn.Module):
    """What pictures become; strides, groups and dilation."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, groups=8, dilation=2, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.second(torch.relu(self.first(x))), 2)
        return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)[:, :5]


class Flow(nn.Module):
    """A choice and a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        start = (torch.tensor(3), x)
        x = while_loop(lambda n, x: n > 0, lambda n, x: (n - 1, x * 0.5), start)[1]
        return torch.cond(x.sum() > 0, lambda x: self.linear(x), lambda x: x - 1, (x,))


def _half() -> nn.Module:
    linear = nn.Linear(64, 32)
    linear.weight.data = linear.weight.data.half().float()
    return linear


@dataclass(frozen=True)
class Sample:
    """A module, its inputs and how it is built."""

    module: Callable[[], nn.Module]
    inputs: tuple[Tensor, ...]
    options: dict[str, Any] = field(default_factory=dict)


_AXES = {"dynamic": ["x.0=batch:1..8", "x.1=width:2..7", "ids.0=batch:1..8"]}
_PICTURES = {"preprocess": ["image:resize=16,crop=16"], "dynamic": ["x.0=batch:1..4"]}
SAMPLES = {
    "static": Sample(Static, (torch.ones(2, 4),)),
    "dynamic": Sample(Dynamic, (torch.ones(2, 3), torch.tensor([1, 2])), _AXES),
    "image": Sample(Image, (torch.rand(2, 3, 16, 16),), _PICTURES),
    "flow": Sample(Flow, (torch.ones(2, 4),)),
    "half": Sample(_half, (torch.ones(2, 64),)),
    "rounded": Sample(
        lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4)),
        (torch.ones(2, 64),),
        {"quantize": "int8"},
    ),
    "large": Sample(lambda: nn.Embedding(300, 128), (torch.tensor([1, 2]),)),
}


def write(folder: Path, names: Iterable[str] = SAMPLES) -> dict[str, Path]:
    """Builds them; only the files of the format stay."""
    found = {}
    for name in names:
        sample = SAMPLES[name]
        torch.manual_seed(0)
        out, labels = folder / name, folder / "labels.txt"
        labels.write_text("\n".join("abcde"))
        more = {"labels": labels} if name == "image" else {}
        module = sample.module().eval()
        build(module, sample.inputs, out=out, name=name, verify=False, **sample.options, **more)
        kept = {"model.json", "plan.bin", "golden.bin", *(p.name for p in out.glob("weights-*"))}
        for path in [*out.iterdir()]:
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in kept:
                path.unlink()
        found[name] = out
    return found


def inputs(name: str) -> list[dict[str, Any]]:
    """What the sample runs on, for every host: dtype, shape, bytes in base64."""
    return [
        {
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "data": base64.b64encode(tensor.numpy().tobytes()).decode(),
        }
        for tensor in SAMPLES[name].inputs
    ]


def fuzz_seed(package: Path) -> bytes:
    """Its inputs' sizes and its plan, as csrc/fuzz/plan.cc takes them."""
    sizes = [size for tensor in SAMPLES[package.name].inputs for size in (1, *tensor.shape)]
    return bytes(sizes).ljust(64, b"\0") + (package / "plan.bin").read_bytes()
