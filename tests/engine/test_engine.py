"""The wasm in this process equals PyTorch, within the limits that it is given."""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import nn
from torch.export import Dim, export

import wasm_torch_web
from wasm_torch_web.engine import Model
from wasm_torch_web.engine.instance import Instance, compiled
from wasm_torch_web.errors import UserError


class Everything(nn.Module):
    """Tensors and numbers of all kinds, and a count of the runs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(64, 96), nn.GELU(), nn.Linear(96, 5))
        self.embedding = nn.Embedding(10, 64)
        self.register_buffer("runs", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor, ids: torch.Tensor, shift: int) -> dict:
        self.runs += 1
        y = self.layers(x + self.embedding(ids)) + shift
        return {"y": y, "runs": self.runs.clone(), "size": x.shape[0], "z": torch.fft.rfft(y)}


class Kinds(nn.Module):
    """Every dtype, doubled or negated."""

    def forward(self, values: list[torch.Tensor]) -> list[torch.Tensor]:
        return [v.logical_not() if v.dtype == torch.bool else v + v for v in values]


DTYPES = (
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32),
    *(torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128),
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("engine") / "pkg"
    example, batch = (torch.randn(3, 64), torch.tensor([1, 2, 3]), 2), Dim("batch", min=1, max=8)
    shapes = {"x": {0: batch}, "ids": {0: batch}, "shift": Dim.DYNAMIC}
    program = export(Everything().eval(), example, dynamic_shapes=shapes)
    wasm_torch_web.build(program, out=out, verify=False)
    return out


@pytest.fixture
def model(package: Path) -> Iterator[Model]:
    with wasm_torch_web.load(package) as loaded:
        yield loaded


def inputs(batch: int = 3) -> dict[str, Any]:
    x = numpy.random.default_rng(batch).standard_normal((batch, 64)).astype("float32")
    return {"x": x, "ids": numpy.arange(batch), "shift": 2}


def expected(batch: int) -> dict[str, Any]:
    given = inputs(batch)
    with torch.no_grad():
        outputs: dict[str, Any] = Everything().eval()(
            torch.from_numpy(given["x"]), torch.from_numpy(given["ids"]), 2
        )
    return outputs


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_outputs_equal_pytorch(model: Model, batch: int) -> None:
    outputs, wanted = model.run(inputs(batch)), expected(batch)
    assert outputs["y"] == pytest.approx(wanted["y"].numpy(), abs=1e-5)
    assert outputs["z"] == pytest.approx(wanted["z"].numpy(), abs=1e-5)
    assert outputs["z"].dtype == numpy.complex64
    assert outputs["size"] == batch and isinstance(outputs["size"], int)


def test_every_dtype_in_and_out(tmp_path: Path) -> None:
    values = [
        (torch.arange(6).reshape(2, 3) % 2 == 0) if t == torch.bool else torch.arange(6).to(t)
        for t in DTYPES
    ]
    wasm_torch_web.build(Kinds(), (values,), out=tmp_path / "pkg", verify=False)
    with wasm_torch_web.load(tmp_path / "pkg") as model:
        names = [port.name for port in model.info.inputs]
        outputs = model.run(dict(zip(names, values, strict=True)))
        for given, wanted in zip(outputs.values(), Kinds()(values), strict=True):
            if wanted.dtype == torch.bfloat16:
                wanted = wanted.view(torch.uint16)
            assert given.dtype == wanted.numpy().dtype
            assert numpy.array_equal(given, wanted.numpy())
        plain = [value.tolist() for value in values]
        again = model.run(dict(zip(names, plain, strict=True)))
        for one, other in zip(outputs.values(), again.values(), strict=True):
            assert numpy.array_equal(one, other)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_inputs_that_are_not_finite_may_be_refused(tmp_path: Path, number: float) -> None:
    values = [torch.zeros(2, 3).to(dtype) for dtype in DTYPES]
    wasm_torch_web.build(Kinds(), (values,), out=tmp_path / "pkg", verify=False)
    package = tmp_path / "pkg"
    with (
        wasm_torch_web.load(package) as lenient,
        wasm_torch_web.load(package, on_invalid="error") as strict,
    ):
        names = [port.name for port in strict.info.inputs]
        good = dict(zip(names, values, strict=True))
        strict.run(good)
        for name, value in good.items():
            if not (value.is_floating_point() or value.is_complex()):
                continue
            wrong = value.clone()
            wrong[1, 1:] = number
            lenient.run({**good, name: wrong})
            with pytest.raises(UserError, match=rf"WTW515: input {name} has .* at \[1, 1\]"):
                strict.run({**good, name: wrong})
        assert not numpy.any(strict.run(good)[next(iter(strict.info.outputs)).name])


def test_state_lasts_and_is_reset(model: Model) -> None:
    assert [int(model.run(inputs())["runs"]) for _ in range(3)] == [1, 2, 3]
    model.reset()
    assert int(model.run(inputs())["runs"]) == 1


def test_threads_wait_for_each_other(model: Model) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(int(model.run(inputs())["runs"])))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 9))


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"x": None}, "WTW501", "x"),
        ({"y": 1}, "WTW502", "x, ids, shift"),
        ({"x": numpy.zeros((3, 64))}, "WTW503", "float64"),
        ({"ids": [0.5, 1, 2]}, "WTW503", "ids"),
        ({"x": numpy.zeros((3, 65), "f4")}, "WTW504", "[3, 65]"),
        ({"x": numpy.zeros((9, 64), "f4"), "ids": numpy.arange(9)}, "WTW506", "x_0 is 9"),
        ({"ids": numpy.arange(2)}, "WTW507", "ids"),
        ({"ids": numpy.array([1, 2, 10])}, "WTW509", "index 10"),
        ({"ids": [[1], [2, 3]]}, "WTW503", "ids"),
        ({"shift": "a lot"}, "WTW510", "shift"),
        ({"shift": 0.5}, "WTW510", "int"),
    ],
)
def test_wrong_inputs_are_told(model: Model, change: dict, code: str, words: str) -> None:
    with pytest.raises(UserError, match=code) as caught:
        model.run({**inputs(), **change})
    assert words in str(caught.value)
    model.reset()
    assert model.run(inputs())["y"] == pytest.approx(expected(3)["y"].numpy(), abs=1e-5)


class Endless(nn.Module):
    """Counts for as long as it is told to."""

    def forward(self, n: torch.Tensor) -> torch.Tensor:
        from torch._higher_order_ops import while_loop

        start = (torch.zeros((), dtype=torch.int64), n)
        return while_loop(lambda i, n: i < n, lambda i, n: (i + 1, n.clone()), start)[0]


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    example = (torch.tensor(3),)
    wasm_torch_web.build(Endless(), example, out=tmp_path / "pkg", verify=False)
    with wasm_torch_web.load(tmp_path / "pkg", timeout=0.3) as model:
        with pytest.raises(UserError, match="WTW520"):
            model.run(n=numpy.array(1 << 60))
        assert int(model.run(n=numpy.array(5))["output"]) == 5


def test_memory_is_limited(package: Path) -> None:
    with pytest.raises(UserError, match="WTW406"):
        wasm_torch_web.load(package, memory_limit=1 << 20)
    with wasm_torch_web.load(package, memory_limit=64 << 20) as model:
        model.run(inputs(8))
        assert model.memory_bytes <= 64 << 20


def test_a_damaged_package_is_refused(package: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(package, tmp_path / "copy")
    shard = next(copy.glob("weights*.bin"))
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    with pytest.raises(UserError, match="WTW304"):
        wasm_torch_web.load(copy)
    with pytest.raises(UserError, match="WTW301"):
        wasm_torch_web.load(tmp_path / "nowhere")


def test_closed_models_refuse(package: Path) -> None:
    model = wasm_torch_web.load(package)
    model.close()
    with pytest.raises(UserError, match="WTW407"):
        model.run(inputs())


def test_nothing_needs_to_be_kept_between_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only machine has no folder for wasmtime's cache."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    compiled.cache_clear()
    try:
        assert Instance().memory_bytes > 0
    finally:
        compiled.cache_clear()


def test_every_float16_is_widened_and_narrowed() -> None:
    """As weights are that are stored so; NaNs stay NaNs."""
    halves = numpy.arange(1 << 16, dtype=numpy.uint16)
    instance = Instance()
    narrow, wide = instance.alloc(2 << 16), instance.alloc(4 << 16)
    instance.bytes(narrow, 2 << 16).view(numpy.uint16)[:] = halves
    instance.call("wtw_widen", wide, narrow, 1 << 16)
    floats = instance.bytes(wide, 4 << 16).view(numpy.float32).copy()
    expected = torch.from_numpy(halves.view(numpy.float16)).float().numpy()
    assert numpy.array_equal(floats, expected, equal_nan=True)
    assert numpy.array_equal(numpy.signbit(floats), numpy.signbit(expected))
    instance.bytes(narrow, 2 << 16)[:] = 0
    instance.call("wtw_narrow", narrow, wide, 1 << 16)
    back = instance.bytes(narrow, 2 << 16).view(numpy.uint16)
    numbers = ~numpy.isnan(floats)
    assert numpy.array_equal(back[numbers], halves[numbers])
