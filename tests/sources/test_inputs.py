"""The grammar of --input, and what its examples are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from wasm_torch_web.errors import UserError
from wasm_torch_web.format.weights import raw
from wasm_torch_web.ops import DTYPES
from wasm_torch_web.sources.inputs import parse_input


@pytest.mark.parametrize(
    ("spec", "dtype", "shape"),
    [
        ("x=float32:1x3x5x7", torch.float32, (1, 3, 5, 7)),
        ("x=float32[1,3,5,7]", torch.float32, (1, 3, 5, 7)),
        ("x = float16[ 2, 3 ]", torch.float16, (2, 3)),
        ("x=int64:4", torch.int64, (4,)),
        ("x=int64", torch.int64, ()),
        ("x=int64:", torch.int64, ()),
        ("x=bool[]", torch.bool, ()),
        ("x=bool:0x3", torch.bool, (0, 3)),
        ("x=complex64:2", torch.complex64, (2,)),
    ],
)
def test_shapes(spec: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    given = parse_input(spec)
    assert (given.name, given.tensor.dtype, tuple(given.tensor.shape)) == ("x", dtype, shape)
    assert given.range is None


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_examples_are_the_same_every_time(dtype: torch.dtype) -> None:
    spec = f"x={str(dtype).removeprefix('torch.')}:17"
    assert raw(parse_input(spec).tensor) == raw(parse_input(spec).tensor)


@pytest.mark.parametrize(
    ("spec", "low", "high"),
    [
        ("x=int64:999(0..9)", 0, 9),
        ("x=int8:999(-128..127)", -128, 127),
        ("x=int64:999(-9007199254740991..9007199254740991)", -(2**53) + 1, 2**53 - 1),
        ("x=float32:999(-1.5..2)", -1.5, 2.0),
        ("x=float32:999(-1..-0.5)", -1.0, -0.5),
        ("x=uint8:999(7..7)", 7, 7),
    ],
)
def test_ranges(spec: str, low: float, high: float) -> None:
    given = parse_input(spec)
    assert given.range == (low, high)
    assert low <= given.tensor.min() <= given.tensor.max() <= high


def test_small_ranges_are_reached_at_both_ends() -> None:
    tensor = parse_input("x=int64:999(0..9)").tensor
    assert (tensor.min(), tensor.max()) == (0, 9)


def test_defaults() -> None:
    assert set(parse_input("x=int64:99").tensor.tolist()) == {0, 1}
    assert set(parse_input("x=bool:99").tensor.tolist()) == {False, True}
    assert parse_input("x=uint8:9999").tensor.max() == 255
    assert parse_input("x=float32:9999").tensor.std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.arange(6, dtype=np.float32).reshape(2, 3), torch.float32),
        (np.asfortranarray(np.arange(6.0).reshape(2, 3)), torch.float64),
        (np.arange(3, dtype=">i4"), torch.int32),
        (np.array(True), torch.bool),
    ],
)
def test_files(tmp_path: Path, array: np.ndarray, dtype: torch.dtype) -> None:
    path = tmp_path / "a(b)=c.npy"
    np.save(path, array)
    tensor = parse_input(f"x=@{path}").tensor
    assert tensor.dtype == dtype
    assert tensor.shape == array.shape
    assert tensor.tolist() == array.tolist()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "NAME="),
        ("float32:1x3", "NAME="),
        ("=float32:1", "NAME="),
        ("x=", "DTYPE:SHAPE"),
        ("x=float32:1,3", "DTYPE:SHAPE"),
        ("x=float32:1x", "DTYPE:SHAPE"),
        ("x=float32:-1x3", "DTYPE:SHAPE"),
        ("x=float32[1x3]", "DTYPE:SHAPE"),
        ("x=float32[1,,3]", "not a shape"),
        ("x=float33:1", "the dtypes are float32"),
        ("x=float32:100000x100000", "elements"),
        ("x=int64:1(9..0)", "empty"),
        ("x=int8:1(0..300)", "does not fit"),
        ("x=int64:1(0..9007199254740992)", "does not fit"),
        ("x=int64:1(a..b)", "no range"),
        ("x=int64:1(0.5..2)", "no range"),
        ("x=float32:1(nan..1)", "empty"),
        ("x=bool:1(0..1)", "no meaning"),
        ("x=@missing.npy", "does not exist"),
    ],
)
def test_mistakes(spec: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        parse_input(spec)
    assert caught.value.slug == "input-spec"
    assert "NAME=DTYPE" in caught.value.hint


def test_files_with_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([object()]), allow_pickle=True)
    with pytest.raises(UserError, match="WTW110"):
        parse_input(f"x=@{path}")
    np.save(path, np.array(["text"]))
    with pytest.raises(UserError, match="WTW110"):
        parse_input(f"x=@{path}")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UserError, match="WTW110"):
        parse_input(f"x=@{path}")
