"""State dicts in every format and wrapping, and how they meet the module of --model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support.models import Net, write_factory

from wasm_torch_web.errors import UserError
from wasm_torch_web.sources import Options, Source, load

Weights = dict[str, torch.Tensor]


def state() -> Weights:
    torch.manual_seed(3)
    return Net().state_dict()


def options(folder: Path, factory: str = "with_examples", **more: object) -> Options:
    return Options(model=f"{write_factory(folder)}:{factory}", **more)


def save_zip(path: Path, weights: Weights) -> Path:
    torch.save(weights, path)
    return path


def save_legacy(path: Path, weights: Weights) -> Path:
    torch.save(weights, path, _use_new_zipfile_serialization=False)
    return path


def save_safetensors(path: Path, weights: Weights) -> Path:
    save_file(weights, path)
    return path


def save_shards(path: Path, weights: Weights) -> Path:
    names = {name: f"part-{index}.safetensors" for index, name in enumerate(weights)}
    for name, file in names.items():
        save_file({name: weights[name]}, path.parent / file)
    path.write_text(json.dumps({"weight_map": names}))
    return path


SAVERS = [save_zip, save_legacy, save_safetensors, save_shards]


def check(source: Source) -> None:
    """The module holds the weights of `state()`, in eval mode."""
    assert source.kind == "module"
    assert source.module is not None
    assert not source.module.training
    for name, tensor in state().items():
        assert torch.equal(source.module.state_dict()[name], tensor)
    assert source.reference(source.args, source.kwargs).shape == (2, 4)


@pytest.mark.parametrize("save", SAVERS)
def test_formats(tmp_path: Path, save: Callable[[Path, Weights], Path]) -> None:
    path = save(tmp_path / "My Net (1).pth", state())
    source = load(path, options(tmp_path))
    check(source)
    assert source.name == "My Net (1)"
    assert source.notices == ["The module was in training mode; it is built in eval mode."]


@pytest.mark.parametrize("save", SAVERS)
def test_weights_alone_need_a_module(tmp_path: Path, save) -> None:
    with pytest.raises(UserError, match="--model") as caught:
        load(save(tmp_path / "a", state()))
    assert caught.value.slug == "model-needed"


def test_a_folder_of_shards(tmp_path: Path) -> None:
    save_shards(tmp_path / "model.safetensors.index.json", state())
    check(load(tmp_path, options(tmp_path)))


@pytest.mark.parametrize("key", ["state_dict", "model", "net", "my_weights"])
def test_wrapper_keys(tmp_path: Path, key: str) -> None:
    path = save_zip(tmp_path / "a.pth", {"epoch": 3, key: state(), "optimizer": {"lr": 0.1}})
    source = load(path, options(tmp_path))
    check(source)
    assert f"under the key '{key}'; left out: epoch, optimizer." in source.notices[0]


def test_the_best_of_several_wrapper_keys(tmp_path: Path) -> None:
    wrong = {name: tensor + 1 for name, tensor in state().items()}
    content = {"teacher": wrong, "other": wrong, "model": state()}
    check(load(save_zip(tmp_path / "a.pth", content), options(tmp_path)))
    del content["model"], content["teacher"]
    content["another"] = wrong
    with pytest.raises(UserError, match="its keys are another, other"):
        load(save_zip(tmp_path / "a.pth", content), options(tmp_path))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module.", "model."])
def test_uniform_prefixes(tmp_path: Path, prefix: str) -> None:
    path = save_zip(tmp_path / "a.pth", {prefix + name: t for name, t in state().items()})
    source = load(path, options(tmp_path))
    check(source)
    assert next(n for n in source.notices if "prefix" in n).startswith("The prefix '")


def test_a_prefix_that_the_module_has_stays(tmp_path: Path) -> None:
    linear = {name: t for name, t in state().items() if name.startswith("linear.")}
    with pytest.raises(UserError, match="1 missing: shift") as caught:
        load(save_zip(tmp_path / "a.pth", linear), options(tmp_path))
    assert "unknown" not in caught.value.message


def test_differences_are_listed(tmp_path: Path) -> None:
    weights = state()
    weights["linear.weight"] = torch.zeros(4, 5)
    weights |= {f"extra.{i}": torch.zeros(1) for i in range(5)}
    del weights["shift"]
    with pytest.raises(UserError) as caught:
        load(save_zip(tmp_path / "a.pth", weights), options(tmp_path))
    assert caught.value.slug == "state-dict-mismatch"
    assert "1 missing: shift" in caught.value.message
    assert "5 unknown: extra.0, extra.1, extra.2 and 2 more" in caught.value.message
    assert "linear.weight [4, 5] where the module has [4, 3]" in caught.value.message


def test_half_precision_weights_are_converted(tmp_path: Path) -> None:
    halves = {name: tensor.half() for name, tensor in state().items()}
    source = load(save_zip(tmp_path / "a.pth", halves), options(tmp_path))
    assert source.module is not None
    assert source.module.state_dict()["linear.weight"].dtype == torch.float32
    assert "Weights were converted from float16 to the module's dtypes." in source.notices


def test_tied_weights_share_storage(tmp_path: Path) -> None:
    weights = state()
    weights["shift"] = weights["linear.bias"]
    check_shift = load(save_zip(tmp_path / "a.pth", weights), options(tmp_path)).module
    assert check_shift is not None
    assert torch.equal(check_shift.state_dict()["shift"], weights["linear.bias"])


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2], 3, {"epoch": 3}, {}])
def test_checkpoints_without_weights(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(UserError) as caught:
        load(tmp_path / "a.pth", options(tmp_path))
    assert caught.value.slug == "source-unknown"


def test_truncated_files_of_each_format(tmp_path: Path) -> None:
    for save in SAVERS[:3]:
        data = save(tmp_path / "whole", state()).read_bytes()
        for keep in (3, 20, len(data) // 2, len(data) - 3):
            (tmp_path / "cut").write_bytes(data[:keep])
            with pytest.raises(UserError) as caught:
                load(tmp_path / "cut", options(tmp_path))
            assert caught.value.slug in ("source-damaged", "source-unknown"), (save, keep)


def test_a_shard_is_missing(tmp_path: Path) -> None:
    path = save_shards(tmp_path / "index.json", state())
    (tmp_path / "part-1.safetensors").unlink()
    with pytest.raises(UserError, match=r"part-1\.safetensors: no such file"):
        load(path, options(tmp_path))


def test_input_options_replace_examples(tmp_path: Path) -> None:
    path = save_zip(tmp_path / "a.pth", state())
    given = ("x=float32:5x3(0..1)", "scale=float32")
    source = load(path, options(tmp_path, inputs=given))
    assert [value.shape for value in source.args] == [(5, 3), ()]
    assert source.kwargs == {}
    assert source.ranges == {"x": (0.0, 1.0)}


def test_inputs_must_be_complete_and_known(tmp_path: Path) -> None:
    path = save_zip(tmp_path / "a.pth", state())
    for inputs, slug in (
        ((), "examples-missing"),
        (("scale=float32",), "examples-missing"),
        (("x=float32:2x3", "y=float32:1"), "input-spec"),
        (("x=float32;2x3",), "input-spec"),
    ):
        with pytest.raises(UserError) as caught:
            load(path, options(tmp_path, "make", inputs=inputs))
        assert caught.value.slug == slug
    assert "they are x, scale" in str(_error(path, options(tmp_path, inputs=("y=float32:1",))))


def _error(path: Path, given: Options) -> UserError:
    with pytest.raises(UserError) as caught:
        load(path, given)
    return caught.value


def test_a_trusted_module_under_a_key(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "model": Net()}, tmp_path / "My net.pth")
    given = Options(inputs=("x=float32:2x3",), trust_pickle=True)
    source = load(tmp_path / "My net.pth", given)
    assert source.name == "My net"
    assert [notice.split()[1] for notice in source.notices] == ["weights", "module"]


def test_keys_of_a_checkpoint_without_weights(tmp_path: Path) -> None:
    def said(content: dict[object, object]) -> str:
        torch.save(content, tmp_path / "a.pth")
        return _error(tmp_path / "a.pth", options(tmp_path)).message

    assert "its keys are none" in said({})
    assert "its keys are 0, 1, 2, 3, 4, 5, 6, 7" in said({7 - i: 0 for i in range(8)})
    assert "its keys are 0, 1, 2, 3, 4, 5, 6, 7" in said({8 - i: 0 for i in range(9)})
    assert "8" not in said({8 - i: 0 for i in range(9)})
    assert "a float, not a state dict" in said(3.5)


def test_what_looks_like_weights(tmp_path: Path) -> None:
    """Names are texts, values tensors, all of them."""
    for content in ({1: torch.zeros(1)}, {"a": torch.zeros(1), "b": 3}, {"a": {"b": {}}}):
        torch.save(content, tmp_path / "a.pth")
        assert _error(tmp_path / "a.pth", options(tmp_path)).slug == "source-unknown"


@pytest.mark.parametrize("count", [1, 3, 4])
def test_names_are_listed_up_to_three(tmp_path: Path, count: int) -> None:
    weights = state() | {f"extra.{i}": torch.zeros(1) for i in range(count)}
    message = _error(save_zip(tmp_path / "a.pth", weights), options(tmp_path)).message
    names = ", ".join(f"extra.{i}" for i in range(min(count, 3)))
    assert message.endswith(f"{count} unknown: {names}" + (" and 1 more" if count == 4 else ""))


def test_a_prefix_that_not_all_have_stays(tmp_path: Path) -> None:
    weights = {f"module.{name}": tensor for name, tensor in state().items()}
    for other in ("other", "other.shift"):
        path = save_zip(tmp_path / "a.pth", weights | {other: torch.zeros(4)})
        assert "module.linear" in _error(path, options(tmp_path)).message


def test_only_what_is_converted_is_told(tmp_path: Path) -> None:
    weights = state() | {"shift": torch.ones(4, dtype=torch.float64)}
    source = load(save_zip(tmp_path / "a.pth", weights), options(tmp_path))
    assert "Weights were converted from float64 to the module's dtypes." in source.notices


def test_a_key_that_is_all_there_is(tmp_path: Path) -> None:
    source = load(save_zip(tmp_path / "a.pth", {"model": state()}), options(tmp_path))
    assert source.notices[0] == "The weights were found under the key 'model'."
