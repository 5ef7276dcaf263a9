"""Tensors and their names: sizes that the file does not back, odd layouts, names like paths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support.hostile import X, refused
from support.models import write_archive, write_factory
from torch import nn

from wasm_torch_web.errors import UserError
from wasm_torch_web.sources import Options, load


def suspicious(tmp_path: Path, tensor: torch.Tensor, name: str = "linear.weight") -> UserError:
    path = tmp_path / "model.pth"
    torch.save({name: tensor}, path)
    return refused(path, "weights-suspicious", Options(model=f"{write_factory(tmp_path)}:make"))


def test_a_trillion_elements_in_a_small_file(tmp_path: Path) -> None:
    error = suspicious(tmp_path, torch.zeros(1).expand(10**6, 10**6))
    assert (tmp_path / "model.pth").stat().st_size < 4000
    assert "1,000,000,000,000 elements" in error.message


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.zeros(3, 4).to_sparse(), "layout"),
        (torch.zeros(3, 4, device="meta"), "meta"),
        (torch.quantize_per_tensor(torch.zeros(3, 4), 0.1, 0, torch.qint8), "quantised"),
        (torch.zeros(3, 4).to(torch.float8_e4m3fn), "float8"),
        (torch.zeros(20).as_strided((3, 4), (1, 1)), "overlap"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.filterwarnings("ignore")
def test_tensors_that_are_not_plain(tmp_path: Path, tensor: torch.Tensor, said: str) -> None:
    assert said in suspicious(tmp_path, tensor).message


def test_names_with_control_characters(tmp_path: Path) -> None:
    suspicious(tmp_path, torch.zeros(1), "a\x1b[2Jb")
    suspicious(tmp_path, torch.zeros(1), "\u202e")
    suspicious(tmp_path, torch.zeros(1), "a" * 2000)


HARMLESS = ("../../x", "</script>", "__proto__", "a b", "${x}", "constructor")


def test_odd_names_are_only_names(tmp_path: Path) -> None:
    """They load, run and reach the manifest as text; nothing is a path or markup."""

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name in HARMLESS[1:]:
                self.register_buffer(name, torch.ones(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return sum((buffer for buffer in self.buffers()), start=x)

    path = write_archive(tmp_path / "odd.pt2", Odd(), (torch.zeros(1),))
    source = load(path)
    assert source.reference(source.args, source.kwargs).item() == len(HARMLESS) - 1


def test_odd_names_that_do_not_fit(tmp_path: Path) -> None:
    save_file({name: torch.zeros(1) for name in HARMLESS}, tmp_path / "model.safetensors")
    options = Options(model=f"{write_factory(tmp_path)}:make", inputs=X)
    error = refused(tmp_path / "model.safetensors", "state-dict-mismatch", options)
    assert "../../x" in error.message
    assert not (tmp_path.parent.parent / "x").exists()


@pytest.mark.parametrize("name", ["../x.safetensors", "/x.safetensors", "a/b", "..\\x", 3])
def test_shards_lie_beside_their_index(tmp_path: Path, name: object) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"w": name}}))
    refused(path, "source-damaged", Options(model="a:b"))
