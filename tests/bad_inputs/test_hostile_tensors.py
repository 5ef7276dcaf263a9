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
from wasm_torch_web.sources.tensors import check_examples, check_tensors


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


# --- at the limits ---


def is_suspicious(tensors: dict[str, torch.Tensor], file_bytes: int = 1 << 20) -> bool:
    try:
        check_tensors(Path("model.pth"), tensors, file_bytes)
    except UserError as error:
        assert error.slug == "weights-suspicious"
        return True
    return False


def test_no_more_bytes_than_the_file_has() -> None:
    shared = torch.zeros(8)
    assert not is_suspicious({"a": shared, "b": shared[2:], "c": torch.zeros(2)}, 40)
    assert is_suspicious({"a": shared, "b": shared[2:], "c": torch.zeros(2)}, 39)
    assert is_suspicious({"a": shared, "b": torch.zeros(8)}, 40)


def test_no_more_elements_than_the_storage_has() -> None:
    short = torch.zeros(12)
    wide = short.as_strided((3, 4), (4, 1))
    assert not is_suspicious({"a": wide})
    short.untyped_storage().resize_(47)
    assert is_suspicious({"a": wide})


def test_names_of_a_thousand_characters() -> None:
    assert not is_suspicious({"a" * 1000: torch.zeros(1)})
    assert is_suspicious({"a" * 1001: torch.zeros(1)})


@pytest.mark.parametrize(
    ("shape", "strides", "overlap"),
    [
        *(((3, 4), (4, 1), False), ((3, 4), (1, 3), False), ((3, 4), (3, 1), True)),
        *(((3, 4), (1, 2), True), ((3, 1), (1, 0), False), ((1, 4), (0, 1), False)),
        *(((2,), (0,), True), ((), (), False), ((1,), (0,), False), ((0, 3), (0, 1), False)),
        *(((2, 3, 4), (12, 4, 1), False), ((2, 3, 4), (11, 4, 1), True)),
        *(((2, 2), (7, 2), False), ((2, 2), (2, 2), True), ((4, 4, 4), (1, 4, 16), False)),
    ],
)
def test_strides_that_overlap(
    shape: tuple[int, ...], strides: tuple[int, ...], overlap: bool
) -> None:
    assert is_suspicious({"a": torch.zeros(64).as_strided(shape, strides)}) == overlap


def test_examples_are_not_too_large() -> None:
    most = torch.zeros(1).expand(1 << 28)
    check_examples(Path("a.pt2"), (("text", 3), {"x": most}))
    with pytest.raises(UserError, match=r"example_inputs\[0\]\['x'\]"):
        check_examples(Path("a.pt2"), ({"x": torch.zeros(1).expand((1 << 28) + 1)},))


@pytest.mark.parametrize("names", [["a"], {}, None, 3.5, True])
def test_shards_are_named_by_texts(tmp_path: Path, names: object) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"w": names}}))
    refused(path, "source-damaged", Options(model="a:b"))


@pytest.mark.parametrize("text", ["{}", "[]", "3", "{", '{"weight_map": 3}', "\xff", "[" * 10**5])
def test_a_folder_whose_index_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_bytes(text.encode("latin-1"))
    refused(tmp_path, "source-damaged", Options(model="a:b"))
