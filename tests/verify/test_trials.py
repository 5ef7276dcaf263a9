"""Which sizes and inputs are tried."""

from __future__ import annotations

import torch
from support.fake_model import fake_manifest

from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.verify.reference import Flat
from wasm_torch_web.verify.trials import trials

X = {"name": "x", "kind": "tensor", "dtype": "float32", "shape": ["batch", "T"]}
IDS = {"name": "ids", "kind": "tensor", "dtype": "int64", "shape": ["batch", "T + 1"]}
SCALE = {"name": "scale", "kind": "float"}


def manifest(
    batch: tuple[int, int], length: tuple[int, int], guards: tuple[str, ...] = ()
) -> Manifest:
    symbols = [
        {"name": name, "min": low, "max": high}
        for name, (low, high) in {"batch": batch, "T": length}.items()
    ]
    return fake_manifest(inputs=[X, IDS, SCALE], symbols=symbols, guards=guards)


def golden(batch: int, length: int) -> Flat:
    ids = torch.arange(batch * (length + 1)).reshape(batch, length + 1) % 5 + 3
    return {"x": torch.full((batch, length), 0.5), "ids": ids, "scale": 2.0}


def single(found: Manifest, example: Flat) -> list[Flat]:
    """The inputs of the trials of one run each."""
    return [trial.runs[0] for trial in trials(found, example) if len(trial.runs) == 1]


def sizes(found: Manifest, example: Flat) -> list[tuple[int, ...]]:
    return [tuple(run["x"].shape) for run in single(found, example)]  # type: ignore[union-attr]


def test_example_minimum_one_and_another_size() -> None:
    found = manifest(batch=(0, 16), length=(2, 32))
    assert sizes(found, golden(4, 8)) == [(4, 8), (4, 8), (0, 2), (1, 2), (7, 12)]


def test_the_other_size_stays_inside_the_range() -> None:
    found = manifest(batch=(1, 5), length=(7, 9))
    assert sizes(found, golden(4, 8)) == [(4, 8), (4, 8), (1, 7)]


def test_sizes_that_break_a_guard_are_left_out() -> None:
    found = manifest(batch=(1, 16), length=(2, 32), guards=("Eq(Mod(batch, 2), 0)",))
    assert sizes(found, golden(4, 8)) == [(4, 8), (4, 8)]


def test_guards_of_sizes_that_data_decides_say_nothing_of_inputs() -> None:
    found = manifest(batch=(1, 16), length=(2, 32), guards=("Eq(Mod(batch, 2), 0)", "bat <= T"))
    found["symbols"].append({"name": "bat", "min": 0, "max": 9, "decided": True})
    assert sizes(found, golden(4, 8)) == [(4, 8), (4, 8)]
    found["programs"]["forward"]["guards"].pop(0)
    assert (1, 2) in sizes(found, golden(4, 8))


def test_guards_that_cannot_be_read_leave_the_example() -> None:
    found = manifest(batch=(1, 16), length=(2, 32), guards=("Unknown(batch)",))
    assert sizes(found, golden(4, 8)) == [(4, 8), (4, 8)]


def test_sizes_that_make_an_inner_one_zero_or_one() -> None:
    found = manifest(batch=(1, 16), length=(2, 320))
    shapes = (["T - 7", 3], ["(T - 1)//32 + 1"], ["2*T", "batch*T", "Unknown(T)"])
    found["graph"]["values"] = [{"name": "v", "dtype": "int8", "shape": shape} for shape in shapes]
    assert sizes(found, golden(4, 9))[-4:] == [(7, 13), (4, 32), (4, 7), (4, 8)]


def test_random_inputs_keep_to_shape_dtype_and_range() -> None:
    found, example = manifest(batch=(1, 16), length=(2, 32)), golden(4, 8)
    for run in single(found, example)[1:]:
        x, ids = run["x"], run["ids"]
        assert isinstance(x, torch.Tensor)
        assert isinstance(ids, torch.Tensor)
        assert ids.shape == (x.shape[0], x.shape[1] + 1)
        assert ids.dtype == torch.int64
        assert set(ids.flatten().tolist()) <= {3, 4, 5, 6, 7}
        assert float(x.min()) >= 0.5 and float(x.max()) <= 1.5
        assert run["scale"] == 2.0


def test_no_two_random_trials_are_alike() -> None:
    found = single(manifest(batch=(1, 16), length=(2, 32)), golden(4, 8))
    firsts = [float(run["x"].flatten()[0]) for run in found]  # type: ignore[union-attr]
    assert len(set(firsts)) == len(firsts)


def test_a_given_range_wins_over_the_example() -> None:
    found = manifest(batch=(1, 16), length=(2, 32))
    found["programs"]["forward"]["inputs"] = [X, IDS | {"range": [100, 101]}, SCALE]
    ids = single(found, golden(4, 8))[1]["ids"]
    assert isinstance(ids, torch.Tensor)
    assert set(ids.flatten().tolist()) == {100, 101}


def test_runs_in_a_row_end_where_they_began() -> None:
    found = trials(manifest(batch=(1, 16), length=(2, 32)), golden(4, 8))
    [row] = [trial for trial in found if len(trial.runs) > 1]
    first, second, third = row.runs
    assert first is third
    assert second is found[1].runs[0]
