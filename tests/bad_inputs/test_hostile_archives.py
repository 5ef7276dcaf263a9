"""Parts of torch.export archives that are pickled, unknown or claim more memory than they have."""

from __future__ import annotations

import json
import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.hostile import Evil, refused
from support.models import Net, edit_zip, write_archive

import wasm_torch_web
from wasm_torch_web.errors import UserError
from wasm_torch_web.sources import Options, archive, load


def pickled_sample(tmp_path: Path) -> Path:
    sample = tmp_path / "sample.pt"
    torch.save(((Evil(),), {}), sample)
    whole = write_archive(tmp_path / "whole.pt2")
    return edit_zip(
        whole, tmp_path / "evil.pt2", {"sample_inputs/model.pt": lambda _: sample.read_bytes()}
    )


def test_pickled_sample_inputs(tmp_path: Path) -> None:
    refused(pickled_sample(tmp_path), "pickle-refused")


def test_pickled_weight(tmp_path: Path) -> None:
    evil = tmp_path / "evil.pt"
    torch.save(Evil(), evil)

    def use_pickle(data: bytes) -> bytes:
        table = json.loads(data)
        table["config"]["linear.weight"]["use_pickle"] = True
        return json.dumps(table).encode()

    path = edit_zip(
        write_archive(tmp_path / "whole.pt2"),
        tmp_path / "evil.pt2",
        {
            "model_weights_config.json": use_pickle,
            "weights/weight_0": lambda _: evil.read_bytes(),
        },
    )
    refused(path, "pickle-refused")


@pytest.mark.parametrize("name", ["opaque_obj_0", "custom_obj_0", "../weight_0"])
def test_pickled_objects_among_the_constants(tmp_path: Path, name: str) -> None:
    def add(data: bytes) -> bytes:
        table = json.loads(data)
        entry = {"path_name": name, "is_param": False, "use_pickle": True, "tensor_meta": None}
        table["config"]["evil"] = entry
        return json.dumps(table).encode()

    whole = write_archive(tmp_path / "whole.pt2")
    path = edit_zip(
        whole,
        tmp_path / "evil.pt2",
        {"model_constants_config.json": add},
        **{f"data/constants/{name.replace('../', '')}": pickle.dumps(Evil())},
    )
    refused(path, "pickle-refused")


@pytest.mark.parametrize("part", ["data/aotinductor/model/a.so", "code/x.py", "models/two.json"])
def test_unknown_parts(tmp_path: Path, part: str) -> None:
    whole = write_archive(tmp_path / "whole.pt2")
    path = edit_zip(whole, tmp_path / "evil.pt2", {}, **{part: b"x"})
    assert part in refused(path, "pickle-refused").message


def test_weights_that_claim_more_than_they_have(tmp_path: Path) -> None:
    def grow(data: bytes) -> bytes:
        table = json.loads(data)
        sizes = [{"as_int": 10**6}, {"as_int": 10**6}]
        table["config"]["linear.weight"]["tensor_meta"]["sizes"] = sizes
        return json.dumps(table).encode()

    whole = write_archive(tmp_path / "whole.pt2")
    for edits in (
        {"model_weights_config.json": grow},
        {"model_weights_config.json": grow, "weights/weight_0": lambda _: b""},
    ):
        path = edit_zip(whole, tmp_path / "evil.pt2", edits)
        refused(path, "weights-suspicious")


def test_a_trillion_elements_in_the_sample_inputs(tmp_path: Path) -> None:
    sample = tmp_path / "sample.pt"
    torch.save(((torch.zeros(1).expand(10**6, 10**6),), {}), sample)
    path = edit_zip(
        write_archive(tmp_path / "whole.pt2"),
        tmp_path / "evil.pt2",
        {"sample_inputs/model.pt": lambda _: sample.read_bytes()},
    )
    assert "1,000,000,000,000" in refused(path, "weights-suspicious").message


def test_truncated_inside_a_part(tmp_path: Path) -> None:
    whole = write_archive(tmp_path / "whole.pt2")
    for part in ("models/model.json", "model_weights_config.json", "sample_inputs/model.pt"):
        path = edit_zip(whole, tmp_path / "cut.pt2", {part: lambda data: data[: len(data) // 2]})
        assert refused(path, "source-damaged").code == "WTW103"


def named(tmp_path: Path, content: object) -> Path:
    """An archive whose dynamic axis x.0 has the names that `content` says."""
    whole = tmp_path / "whole.pt2"
    wasm_torch_web.save(Net(), (torch.zeros(2, 3),), whole, dynamic=["x.0=rows:1..8"])
    text = content if isinstance(content, bytes) else json.dumps({"dynamic": content}).encode()
    return edit_zip(whole, tmp_path / "evil.pt2", {"extra/wasm-torch-web.json": lambda _: text})


@pytest.mark.parametrize(
    "content",
    [
        *(b"{", b"[]", b"3", b"\xff", b"[" * 10**5, b'{"dynamic": {}}'),
        *([3], ["x.0"], ["x.0=</script>:1..8"], ["x.0=a b:1..8"], ["x.0=__import__('os'):1..8"]),
        *(["x.0=" + "n" * 200 + ":1..8"], ["x.0=9..1"], ["x.0=n:1..8"] * 10**4),
        *(["x.1=n:1..8"], ["x.7=n:1..8"], ["y.0=n:1..8"], ["linear.weight.0=n:1..8"]),
    ],
    ids=lambda content: str(content)[:20],
)
def test_names_of_sizes_are_data(tmp_path: Path, content: object) -> None:
    assert "\x1b" not in refused(named(tmp_path, content), "source-damaged").message


def test_names_of_sizes_that_fit(tmp_path: Path) -> None:
    source = load(named(tmp_path, ["x.0=n:2..4"]))
    assert [(axis.name, axis.min, axis.max) for axis in source.axes] == [("n", 2, 4)]


def test_archives_of_another_format(tmp_path: Path) -> None:
    """torch's own reader asserts that it is `pt2`."""
    change = {"archive_format": lambda _: b"pt3"}
    refused(
        edit_zip(write_archive(tmp_path / "whole.pt2"), tmp_path / "a.pt2", change),
        "source-damaged",
    )


def described(tmp_path: Path, change: Callable[[dict], object]) -> Path:
    """An archive whose table of weights says something else of one."""

    def edit(data: bytes) -> bytes:
        table = json.loads(data)
        change(table["config"]["linear.weight"]["tensor_meta"])
        return json.dumps(table).encode()

    whole = write_archive(tmp_path / "whole.pt2")
    return edit_zip(whole, tmp_path / "evil.pt2", {"model_weights_config.json": edit})


def test_weights_of_negative_size_or_elsewhere(tmp_path: Path) -> None:
    path = described(tmp_path, lambda meta: meta.update(sizes=[{"as_int": -4}, {"as_int": -3}]))
    refused(path, "weights-suspicious")
    path = described(tmp_path, lambda meta: meta["device"].update(type="cuda"))
    assert "device cuda" in refused(path, "weights-suspicious").message


def test_weights_over_one_another(tmp_path: Path) -> None:
    module = Net()
    module.shift = torch.zeros(1).expand(4)
    refused(write_archive(tmp_path / "a.pt2", module), "weights-suspicious")


class Masked(torch.nn.Module):
    """Of a buffer of one byte an element."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.tensor([True, False, True]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.mask


def test_weights_that_are_as_large_as_they_claim(tmp_path: Path) -> None:
    source = load(write_archive(tmp_path / "a.pt2", Masked()))
    assert source.reference((torch.ones(2, 3),), {}).tolist() == [[1, 0, 1]] * 2


def test_trust_lets_parts_pass_that_are_unknown(tmp_path: Path) -> None:
    whole = write_archive(tmp_path / "whole.pt2")
    path = edit_zip(whole, tmp_path / "a.pt2", {}, **{"code/x.py": b"x"})
    refused(path, "pickle-refused")
    load(path, Options(trust_pickle=True))


@pytest.mark.parametrize("before", ["0", None])
def test_torch_is_left_as_it_was(
    tmp_path: Path, before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its switch against pickles, and its log."""
    switch, logger = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", logging.getLogger("torch.export")
    monkeypatch.delenv(switch, raising=False)
    if before is not None:
        monkeypatch.setenv(switch, before)
    level = logger.level
    path = write_archive(tmp_path / "a.pth")
    for trust in (False, True):
        load(path, Options(trust_pickle=trust))
        assert os.environ.get(switch) == before
        assert logger.level == level


def test_names_of_sizes_are_short(tmp_path: Path) -> None:
    text = json.dumps({"dynamic": ["x.0=n:1..8"]}).encode()
    assert load(named(tmp_path, text.ljust(1 << 16))).axes
    refused(named(tmp_path, text.ljust((1 << 16) + 1)), "source-damaged")
    refused(named(tmp_path, ["x.2=n:1..8"]), "source-damaged")


def test_nothing_is_trusted_unless_somebody_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        archive.load(pickled_sample(tmp_path))
    assert caught.value.slug == "pickle-refused"
