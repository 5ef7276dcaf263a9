"""Archives, programs, modules of Python, TorchScript and Hugging Face folders as sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support.models import Net, write_archive
from torch import nn

import wasm_torch_web
from wasm_torch_web.axes import DynamicAxis, parse_dynamic, read_sizes
from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import compile_program, lowered
from wasm_torch_web.errors import UserError
from wasm_torch_web.opening import capture_source
from wasm_torch_web.sources import Options, load
from wasm_torch_web.sources.text_axes import text_axes

X = torch.arange(6.0).reshape(2, 3)


def test_an_archive_brings_its_examples(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "net.pth", Net(), (X,))
    source = load(path)
    assert (source.kind, source.name, source.kwargs) == ("program", "net", {})
    assert torch.equal(source.args[0], X)
    assert source.notices == []


def test_inputs_replace_the_archives(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "net.pth", Net(), (X,))
    source = load(path, Options(inputs=("x=float32:2x3(5..6)",)))
    assert source.args[0].min() >= 5
    assert source.ranges == {"x": (5.0, 6.0)}
    with pytest.raises(UserError, match="WTW110"):
        load(path, Options(inputs=("image=float32:2x3",)))


def test_save_writes_what_build_takes(tmp_path: Path) -> None:
    module = Net()
    wasm_torch_web.save(module, (X,), tmp_path / "model.pth", dynamic=["x.0=rows:1..8"])
    source = load(tmp_path / "model.pth")
    assert source.program is not None
    more = torch.zeros(7, 3)
    assert torch.allclose(source.reference((more,), {}), module.eval()(more))
    assert [path.name for path in tmp_path.iterdir()] == ["model.pth"]


def test_save_keeps_the_names_of_sizes(tmp_path: Path) -> None:
    class Pair(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x.sum() + y.sum()

    path = tmp_path / "model.pth"
    dynamic = ["x.0=batch:1..8", "y.0=batch:2..9", "y.1=3..5"]
    wasm_torch_web.save(Pair(), (X, torch.ones(2, 4)), path, dynamic=dynamic)
    opened = capture_source(load(path), [])
    graph = compile_program(opened.program, opened.axes).graph
    assert [(s.name, s.min, s.max) for s in graph.symbols] == [("batch", 2, 8), ("y_1", 3, 5)]
    assert graph.inputs[0].value.shape[0] == graph.inputs[1].value.shape[0]
    with pytest.raises(UserError, match="WTW210"):
        capture_source(load(path), list(opened.axes))


def test_save_leaves_nothing_half_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="WTW118"):
        wasm_torch_web.save(Net(), (torch.zeros(2, 9),), tmp_path / "model.pth")
    with pytest.raises(UserError, match="WTW116"):
        wasm_torch_web.save(Net(), (X,), tmp_path / "no" / "model.pth")
    assert list(tmp_path.iterdir()) == []


class Training(nn.Module):
    """Forms of training mode that eval() does not reach when a program is captured too early."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what
        self.norm = nn.BatchNorm1d(3)
        self.lstm = nn.LSTM(3, 3, num_layers=2, dropout=0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.what == "norm":
            return self.norm(x)
        if self.what == "lstm":
            return self.lstm(x)[0]
        if self.what == "attention":
            x = x[None, None]
            return nn.functional.scaled_dot_product_attention(x, x, x, dropout_p=0.3)
        return nn.functional.dropout(x, 0.5, training=True)


@pytest.mark.parametrize("what", ["norm", "dropout", "attention"])
def test_programs_in_training_mode_are_refused(tmp_path: Path, what: str) -> None:
    program = torch.export.export(Training(what).train(), (X,))
    torch.export.save(program, tmp_path / "a.pt2")
    with pytest.raises(UserError, match=what) as caught:
        load(tmp_path / "a.pt2")
    assert caught.value.slug == "training-program"
    with pytest.raises(UserError, match="WTW203"):
        load(program.run_decompositions())


@pytest.mark.parametrize(
    "layer", [nn.Dropout, nn.Dropout1d, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.RReLU]
)
def test_layers_that_draw_in_training_alone(layer: type[nn.Module]) -> None:
    """Captured in eval mode nothing is drawn; a program captured in training mode is refused."""
    example = (torch.randn(2, 3, 4),)
    graph = lowered(export_module(layer().train(), example, {}))
    assert not graph.updates and not graph.outputs[0].drawn
    with pytest.raises(UserError, match="WTW203"):
        load(torch.export.export(layer().train(), example))


def test_dropout_that_eval_does_not_reach(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="WTW203"):
        wasm_torch_web.save(Training("dropout"), (X,), tmp_path / "a.pth")
    with pytest.raises(UserError, match="WTW203"):
        capture_source(load(Training("dropout"), example_inputs=(X,)), [])


def test_batch_statistics_are_fine_without_running_ones() -> None:
    module = nn.BatchNorm1d(3, track_running_stats=False).eval()
    assert load(torch.export.export(module, (X,))).kind == "program"
    assert load(torch.export.export(nn.InstanceNorm1d(3).eval(), (X[None],))).kind == "program"


def test_modules_of_python() -> None:
    source = load(Net(), example_inputs={"x": X})
    assert (source.kind, source.name) == ("module", "Net")
    assert source.notices == ["The module was in training mode; it is built in eval mode."]
    source = load(Net().eval(), Options(inputs=("x=float32:1x3",)))
    assert source.notices == []
    with pytest.raises(UserError, match="WTW109"):
        load(Net())
    with pytest.raises(UserError, match="unexpected keyword"):
        load(Net(), example_inputs={"x": X, "z": X})


class Counter(nn.Module):
    """Mutates a buffer and its input."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        x += 1
        return x * self.count


@pytest.mark.parametrize("as_program", [False, True])
def test_references_start_from_the_initial_state(as_program: bool) -> None:
    x = torch.ones(2)
    module = Counter().eval()
    given = torch.export.export(module, (x.clone(),)) if as_program else module
    source = load(given, example_inputs=(x,))
    for _ in range(3):
        assert source.reference(source.args, {}).tolist() == [2, 2]
    assert x.tolist() == [1, 1]


def test_a_module_that_fails_is_the_users(tmp_path: Path) -> None:
    source = load(Net(), example_inputs=(torch.zeros(2, 9),))
    with pytest.raises(UserError, match="mat1 and mat2") as caught:
        source.reference(source.args, source.kwargs)
    assert caught.value.slug == "model-failed"


class Sized(nn.Module):
    """Does something else for large inputs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.size(0) > 3 else x + 1


class Optional(nn.Module):
    """Takes what nobody has to give."""

    def forward(self, x: torch.Tensor, double: bool = True) -> torch.Tensor:
        return x * 2 if double else x


@pytest.mark.filterwarnings("ignore")
class TestTorchScript:
    """Scripts become modules of the same operators, under their own argument names."""

    def write(self, path: Path, module: nn.Module) -> Path:
        torch.jit.script(module).save(str(path))
        return path

    def test_converts(self, tmp_path: Path) -> None:
        module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.ReLU())
        path = self.write(tmp_path / "a.pt", module.train())
        source = load(path, Options(inputs=("input=float32:5x3",)))
        assert source.module is not None
        assert torch.equal(source.reference((X,), {}), module.eval()(X))
        assert [name for name, _ in source.module.named_parameters()] == [
            name for name, _ in module.named_parameters()
        ]
        assert "TorchScript is a program" in source.notices[0]
        assert "training mode" in source.notices[1]
        program = torch.export.export(source.module, source.args)
        assert program.graph_signature.user_inputs == ("input",)

    def test_branches_on_sizes_fix_them(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.pt", Sized())
        source = load(path, Options(inputs=("x=float32:2x3",)))
        assert torch.equal(source.reference((X,), {}), X + 1)
        with pytest.raises(UserError, match="Guard failed"):
            source.reference((torch.zeros(5, 3),), {})

    def test_arguments_with_a_default(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.pt", Optional())
        source = load(path, Options(inputs=("x=float32:2x3",)))
        assert source.args[1:] == (True,)
        assert torch.equal(source.reference((X, True), {}), X * 2)

    def test_needs_examples(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.pt", nn.Linear(3, 4))
        with pytest.raises(UserError, match="WTW109"):
            load(path)
        with pytest.raises(UserError, match="they are input"):
            load(path, Options(inputs=("x=float32:2x3",)))

    def test_training_that_was_traced_in(self, tmp_path: Path) -> None:
        traced = torch.jit.trace(nn.Dropout().train(), X, check_trace=False)
        traced.save(str(tmp_path / "a.pt"))
        with pytest.raises(UserError, match="WTW203"):
            load(tmp_path / "a.pt", Options(inputs=("input=float32:2x3",)))


SMALL = {
    "vocab_size": 50,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}


class Fixed(torch.nn.Module):
    """Takes five tokens, no more and no less."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.arange(5.0)


class TestHuggingFace:
    """A folder as save_pretrained writes it."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        transformers = pytest.importorskip("transformers")
        config = transformers.BertConfig(**SMALL, max_position_embeddings=40)
        transformers.BertForSequenceClassification(config).save_pretrained(tmp_path / "tiny-bert")
        return tmp_path / "tiny-bert"

    def test_the_architecture_that_config_names(self, folder: Path) -> None:
        source = load(folder)
        assert type(source.module).__name__ == "BertForSequenceClassification"
        assert source.name == "tiny-bert"
        assert [value.dtype for value in source.args] == [torch.int64, torch.int64]
        result = source.reference(source.args, source.kwargs)
        assert result.logits.shape[1] == 2

    def test_inputs(self, folder: Path) -> None:
        source = load(folder, Options(inputs=("input_ids=int64:1x7(0..49)",)))
        assert source.ranges == {"input_ids": (0, 49)}

    @pytest.mark.parametrize(
        ("options", "sizes"),
        [
            (Options(), [("batch", 1, 64), ("sequence", 1, 40)]),
            (Options(inputs=("input_ids=int64:3x5(0..49)",)), []),
            (Options(recorded={"input_ids": torch.ones(3, 5, dtype=torch.int64)}), []),
        ],
    )
    def test_texts_of_any_length_unless_their_size_is_given(
        self, folder: Path, options: Options, sizes: list[Any]
    ) -> None:
        told: list[str] = []
        opened = capture_source(load(folder, options), [], told.append)
        graph = compile_program(opened.program, opened.axes).graph
        assert [(symbol.name, symbol.min, symbol.max) for symbol in graph.symbols] == sizes
        assert ["sequence (1 to 40)" in text for text in told] == [True] * bool(sizes)

    def test_axes_of_the_user_take_the_place_of_the_usual(self, folder: Path) -> None:
        told: list[str] = []
        axes = [parse_dynamic(f"{name}.0=n:1..8") for name in ("input_ids", "attention_mask")]
        opened = capture_source(load(folder), axes, told.append)
        assert [symbol.name for symbol in read_sizes(opened.program, opened.axes).symbols] == ["n"]
        assert not told

    def test_positions_that_padding_takes_are_none_of_the_text(self) -> None:
        transformers = pytest.importorskip("transformers")
        config = transformers.RobertaConfig(**SMALL, max_position_embeddings=40)
        model = transformers.RobertaModel(config)
        ids = {"input_ids": torch.ones(3, 5, dtype=torch.int64)}
        assert [axis.max for axis in text_axes(model, ids)] == [64, 38]
        model(torch.full((1, 38), 7))
        with pytest.raises((IndexError, RuntimeError)):
            model(torch.full((1, 39), 7))

    def test_a_model_without_texts_keeps_its_sizes(self) -> None:
        picture = {"pixel_values": torch.zeros(1, 3, 8, 8)}
        assert not list(text_axes(torch.nn.Identity(), picture))

    def test_what_cannot_be_dynamic_is_told_and_stays(self) -> None:
        source = load(Fixed(), example_inputs=(torch.ones(3, 5),))
        source.axes = (DynamicAxis("x", 0, 1, 64, "batch"), DynamicAxis("x", 1, 1, 9, "sequence"))
        told: list[str] = []
        opened = capture_source(source, [], told.append)
        assert not read_sizes(opened.program, opened.axes).symbols
        assert len(told) == 1 and "batch (1 to 64), sequence (1 to 9) cannot be dynamic" in told[0]

    def test_its_tokenizer(self, folder: Path) -> None:
        assert load(folder).tokenizer is None
        file = folder / "tokenizer.json"
        file.write_text('{"model": {"vocab": {}}}')
        source = load(folder)
        assert source.tokenizer == file
        assert file in source.files
        file.write_text("version https://git-lfs.github.com/spec/v1")
        damaged = load(folder)
        assert damaged.tokenizer is None
        assert any("tokenizer.json" in notice for notice in damaged.notices)

    def test_its_card(self, folder: Path, tmp_path: Path) -> None:
        assert load(folder).card is None
        file, out = folder / "README.md", tmp_path / "package"
        file.write_text("---\nlicense: apache-2.0\n---\n# Fine words\n")
        source = load(folder)
        assert source.card == file
        assert file in source.files
        wasm_torch_web.build(folder, out=out, author="A. Uthor", verify=False)
        assert (out / "MODEL_CARD.md").read_text() == file.read_text()
        fields = json.loads((out / "package.json").read_text())
        assert (fields["license"], fields["author"]) == ("Apache-2.0", "A. Uthor")
        wasm_torch_web.build(folder, out=out, license="MIT", verify=False)
        assert json.loads((out / "package.json").read_text())["license"] == "MIT"

    def test_a_new_package_keeps_no_tokenizer_of_the_old_one(
        self, folder: Path, tmp_path: Path
    ) -> None:
        tokenizer, out = folder / "tokenizer.json", tmp_path / "package"
        tokenizer.write_text('{"model": {"vocab": {}}}')
        wasm_torch_web.build(folder, out=out, verify=False)
        assert (out / "tokenizer.json").is_file()
        tokenizer.unlink()
        wasm_torch_web.build(folder, out=out, verify=False)
        assert not (out / "tokenizer.json").exists()
        assert "tokenizer.json" not in (out / "package.json").read_text()

    def test_missing_weights(self, folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        weights = load_file(folder / "model.safetensors")
        weights.pop("classifier.weight")
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        with pytest.raises(UserError, match=r"classifier\.weight") as caught:
            load(folder)
        assert caught.value.slug == "state-dict-mismatch"

    def test_without_transformers(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "transformers", None)
        with pytest.raises(UserError, match="pip install transformers") as caught:
            load(folder)
        assert (caught.value.slug, caught.value.exit_code) == ("package-needed", 4)

    def test_without_safetensors(self, folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "pytorch_model.bin").write_bytes(b"\x80\x02.")
        with pytest.raises(UserError, match="WTW104"):
            load(folder)
