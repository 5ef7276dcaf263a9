"""Small modules and the files that users make of them, for tests of sources and commands."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

FACTORY = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.register_buffer("shift", torch.ones(4))

    def forward(self, x, scale=None):
        y = self.linear(x) + self.shift
        return y if scale is None else y * scale


def make():
    return Net()


def with_examples():
    return Net()


with_examples.example_inputs = (torch.zeros(2, 3),)


def fails():
    return 1 / 0


def not_a_module():
    return 3


number = 5
instance = Net()
"""


class Net(nn.Module):
    """What `FACTORY` makes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.register_buffer("shift", torch.ones(4))

    def forward(self, x: torch.Tensor, scale: torch.Tensor | None = None) -> torch.Tensor:
        y = self.linear(x) + self.shift
        return y if scale is None else y * scale


EXAMPLE = (torch.zeros(2, 3),)


def write_factory(folder: Path) -> str:
    """Writes FACTORY; gives the path for --model, without the colon."""
    path = folder / "net_factory.py"
    path.write_text(FACTORY)
    return str(path)


def write_archive(path: Path, module: nn.Module | None = None, example: object = None) -> Path:
    """A torch.export archive of a module (Net) on example inputs."""
    usual = module is None and example is None
    args = EXAMPLE if example is None else example
    path.write_bytes(_of_net() if usual else _exported(module or Net(), args))
    return path


@functools.cache
def _of_net() -> bytes:
    return _exported(Net(), EXAMPLE)


def _exported(module: nn.Module, args: Any) -> bytes:
    file = io.BytesIO()
    torch.export.save(torch.export.export(module.eval(), args), file)
    return file.getvalue()


def edit_zip(
    source: Path, target: Path, edits: dict[str, Callable[[bytes], bytes]], **added: bytes
) -> Path:
    """A copy of an archive with parts changed (by the end of their names) or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        root = old.namelist()[0].partition("/")[0]
        for name in old.namelist():
            data = old.read(name)
            for ending, edit in edits.items():
                if name.endswith(ending):
                    changed = edit(data)
                    assert changed != data, f"the edit of {ending} changes nothing"
                    data = changed
            new.writestr(name, data)
        for name, data in added.items():
            new.writestr(f"{root}/{name}", data)
    return target
