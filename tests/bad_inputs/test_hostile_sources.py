"""Files that try to run code or to take all memory: each is refused with its code, and none runs.

Every attack that could execute something would leave the file `ran`.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support.models import Net, edit_zip, write_archive, write_factory
from torch import nn

from wasm_torch_web.errors import UserError
from wasm_torch_web.sources import Options, load

X = ("x=float32:2x3",)


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch ran",)


@pytest.fixture(autouse=True)
def nothing_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "ran").exists()


def refused(path: Path, slug: str, options: Options | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        source = load(path, options)
        source.reference(source.args, source.kwargs)
    assert caught.value.slug == slug, caught.value
    assert "\n" not in caught.value.message
    return caught.value


# Pickles


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"state_dict": {"w": e}}, lambda e: [e]])
def test_pickles_do_not_execute(tmp_path: Path, wrap, zipped: bool) -> None:
    path = tmp_path / "model.pth"
    torch.save(wrap(Evil()), path, _use_new_zipfile_serialization=zipped)
    assert "--trust-pickle" in refused(path, "pickle-refused").hint


def test_raw_pickles_do_not_execute(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    refused(path, "pickle-refused")


def test_whole_modules_need_trust(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(Net(), path)
    error = refused(path, "pickle-refused", Options(inputs=X))
    assert "support.models.Net" in error.message
    source = load(path, Options(inputs=X, trust_pickle=True))
    assert isinstance(source.module, Net)


def test_trusted_pickle_without_its_code(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(Net(), path)
    data = path.read_bytes()
    # Same length: the pickle stays whole; the checksum is no matter of the legacy format.
    torch.save(Net(), path, _use_new_zipfile_serialization=False)
    data = path.read_bytes().replace(b"support.models", b"no_such.module")
    path.write_bytes(data)
    error = refused(path, "pickle-needs-code", Options(inputs=X, trust_pickle=True))
    assert "no_such" in error.message


# torch.export archives


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


def in_program(tmp_path: Path, edit: Callable[[dict], None]) -> Path:
    """An archive whose model.json was edited."""

    def change(data: bytes) -> bytes:
        document = json.loads(data)
        edit(document)
        return json.dumps(document).encode()

    whole = write_archive(tmp_path / "whole.pt2")
    return edit_zip(whole, tmp_path / "evil.pt2", {"models/model.json": change})


RUN = "__import__('os').system('touch ran')"


def set_operator(document: dict) -> None:
    document["graph_module"]["graph"]["nodes"][0]["target"] = "torch.hub.load"


def set_module_operator(document: dict) -> None:
    document["graph_module"]["graph"]["nodes"][0]["target"] = "_operator.methodcaller"


def set_size(document: dict) -> None:
    values = document["graph_module"]["graph"]["tensor_values"]
    values["x"]["sizes"][0] = {"as_expr": {"expr_str": RUN, "hint": None}}


def set_quoted_size(document: dict) -> None:
    values = document["graph_module"]["graph"]["tensor_values"]
    values["x"]["sizes"][0] = {"as_expr": {"expr_str": f"Add({RUN!r}, Integer(1))", "hint": None}}


def set_size_of_a_tensor_named_metadata(document: dict) -> None:
    values = document["graph_module"]["graph"]["tensor_values"]
    values["metadata"] = json.loads(json.dumps(values["x"]))
    values["metadata"]["sizes"][0] = {"as_expr": {"expr_str": RUN, "hint": None}}


def set_range(document: dict) -> None:
    document["range_constraints"][RUN] = {"min_val": 1, "max_val": 2}


def set_guard(document: dict) -> None:
    document["guards_code"] = [f"L['x'].size()[0] == {RUN}"]


def set_guard_method(document: dict) -> None:
    document["guards_code"] = ["L['x'].__class__.__mro__[1] == 1"]


def set_guard_string(document: dict) -> None:
    document["guards_code"] = ["L['\\'+" + RUN.replace("'", "\\'") + "'].size()[0] == 1"]


def set_argument(document: dict) -> None:
    signature = document["graph_module"]["module_call_graph"][0]["signature"]
    signature["forward_arg_names"] = [f"x={RUN}", "scale"]


def set_parameter(document: dict) -> None:
    specs = document["graph_module"]["signature"]["input_specs"]
    specs[0]["parameter"]["parameter_name"] = f'a", {RUN}, "b'


def set_name(document: dict) -> None:
    document["graph_module"]["graph"]["nodes"][0]["name"] = f"a = {RUN} #"


def set_constant(document: dict) -> None:
    value = {"name": "scale", "value": {"as_string": f"' + str({RUN}) + '"}}
    document["graph_module"]["signature"]["input_specs"].append({"constant_input": value})


def tree(document: dict, **spec: object) -> None:
    signature = document["graph_module"]["module_call_graph"][0]["signature"]
    signature["out_spec"] = json.dumps([1, {"context": "null", "children_spec": [], **spec}])


def set_default_factory(document: dict) -> None:
    context = {"default_factory_module": "os", "default_factory_name": "abort", "dict_context": []}
    tree(document, type="collections.defaultdict", context=context)


def set_enum(document: dict) -> None:
    context = json.dumps([{"__enum__": True, "fqn": "evil_module:A", "name": "a"}])
    tree(document, type="builtins.dict", context=context)


@pytest.mark.parametrize(
    "edit",
    [
        *(
            set_size_of_a_tensor_named_metadata,
            set_operator,
            set_module_operator,
            set_size,
            set_quoted_size,
            set_range,
            set_guard,
        ),
        *(set_guard_method, set_guard_string, set_argument, set_parameter, set_name),
        *(set_constant, set_default_factory, set_enum),
    ],
)
def test_programs_that_would_become_code(tmp_path: Path, edit: Callable[[dict], None]) -> None:
    (tmp_path / "evil_module.py").write_text(f"{RUN}\n")
    sys.path.insert(0, str(tmp_path))
    try:
        refused(in_program(tmp_path, edit), "pickle-refused")
    finally:
        sys.path.remove(str(tmp_path))


def test_types_that_nobody_registered(tmp_path: Path) -> None:
    path = in_program(tmp_path, lambda d: tree(d, type="transformers.outputs.Missing"))
    error = refused(path, "archive-type-missing")
    assert "transformers.outputs.Missing" in error.message
    assert "--import transformers" in error.hint


def test_operators_that_nobody_registered(tmp_path: Path) -> None:
    def edit(document: dict) -> None:
        document["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.vision.nms.default"

    error = refused(in_program(tmp_path, edit), "archive-type-missing")
    assert "vision::nms" in error.message


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


# Tensors


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
        (torch.zeros(3, 4, dtype=torch.complex128), "complex128"),
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


# TorchScript


class Writes(nn.Module):
    """A scripted module may write files."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, "ran")
        return x


class SetsState(nn.Module):
    """A method that torch.jit.load calls."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return torch.ones(2), self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        torch.save(state[0], "ran")
        self.training = state[1]


def save_elsewhere(x: torch.Tensor) -> torch.Tensor:
    torch.save(x, "ran")
    return x


class Calls(nn.Module):
    """The operator is in a function that forward calls."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return save_elsewhere(x)


class Branches(nn.Module):
    """Control flow that depends on data."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1 if bool(x.sum() > 0) else x


class Loops(nn.Module):
    """Control flow that torch does not convert."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        while bool(x.sum() < 10):
            x = x + 1
        return x


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("module", "said"),
    [(Writes(), "aten::save"), (Calls(), "aten::save"), (SetsState(), "__setstate__")],
)
def test_torchscript_that_reaches_files(tmp_path: Path, module: nn.Module, said: str) -> None:
    torch.jit.script(module).save(str(tmp_path / "a.pt"))
    error = refused(tmp_path / "a.pt", "pickle-refused", Options(inputs=("x=float32:3",)))
    assert said in error.message


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("module", "said"), [(Branches(), "true_graph"), (Loops(), "prim::Loop")])
def test_torchscript_with_control_flow(tmp_path: Path, module: nn.Module, said: str) -> None:
    torch.jit.script(module).save(str(tmp_path / "a.pt"))
    error = refused(tmp_path / "a.pt", "scripted-control-flow", Options(inputs=("x=float32:3",)))
    assert said in error.message
    assert "wasm_torch_web.save" in error.hint
