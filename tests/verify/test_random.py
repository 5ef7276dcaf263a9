"""The documented generator: known values, and the same in JavaScript."""

from __future__ import annotations

import json
import subprocess

import pytest
import torch

from wasm_torch_web.verify.random import Random, bounds

# docs/format.md in JavaScript, word for word.
DOCUMENTED = """
const mix = (x) => {
  x ^= x >>> 16; x = Math.imul(x, 0x21F0AAAD); x ^= x >>> 15; x = Math.imul(x, 0x735A2D97);
  return (x ^ (x >>> 15)) >>> 0;
};
const hash = (i, seed) => mix((Math.imul(i, 0x9E3779B9) + seed) | 0);
const [seed, low, high] = JSON.parse(process.argv[1]);
const numbers = Array.from({ length: 1000 }, (_, i) => hash(i, seed));
const floats = numbers.map((h) => Math.fround(low + (high - low) * (h >>> 8) / 2 ** 24));
const ints = numbers.map((h) => Math.trunc(low) + h % (Math.trunc(high) - Math.trunc(low) + 1));
console.log(JSON.stringify({ floats, ints, bools: numbers.map((h) => (h & 1) === 1) }));
"""


@pytest.mark.parametrize(
    ("seed", "low", "high"), [(0, 0, 1), (7, -2.5, 3.25), (2**32 - 1, -1000, 2**31), (5, 3, 3)]
)
def test_it_is_what_the_format_says(seed: int, low: float, high: float) -> None:
    command = ["node", "-e", DOCUMENTED, json.dumps([seed, low, high])]
    expected = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    def drawn(dtype: torch.dtype) -> list[float]:
        values: list[float] = Random((10, 100), dtype, seed, low, high).tensor().flatten().tolist()
        return values

    assert drawn(torch.float32) == expected["floats"]
    assert drawn(torch.int64) == expected["ints"]
    assert drawn(torch.bool) == expected["bools"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_the_float32_ones_converted(dtype: torch.dtype) -> None:
    single = Random((50,), torch.float32, 3, -1, 1).tensor()
    assert torch.equal(Random((50,), dtype, 3, -1, 1).tensor(), single.to(dtype))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128, torch.complex32])
def test_complex_numbers_take_two_draws(dtype: torch.dtype) -> None:
    drawn = Random((5,), dtype, 3, -1, 1).tensor()
    single = Random((10,), torch.float32, 3, -1, 1).tensor()
    assert torch.equal(torch.view_as_real(drawn).flatten(), single.to(dtype.to_real()))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 5)])
def test_shapes(shape: tuple[int, ...]) -> None:
    assert Random(shape, torch.float32, 1, 0, 1).tensor().shape == shape


def test_bounds_come_from_the_example() -> None:
    assert bounds(torch.tensor([3, -4, 9])) == (-4, 9)
    assert bounds(torch.tensor([3, -4, 9]), [0, 100]) == (0, 100)
    assert bounds(torch.tensor([0.5, float("inf"), -1.0])) == (-1.0, 0.5)
    assert bounds(torch.tensor([float("nan")])) == (-1.0, 1.0)
    assert bounds(torch.zeros(3)) == (0.0, 1.0)
    assert bounds(torch.zeros(0, dtype=torch.int64)) == (0, 0)
    assert bounds(torch.tensor([-(2**62), 2**62])) == (-(2**62), -(2**62) + 2**32 - 1)
    assert bounds(torch.tensor([True])) == (0, 1)
