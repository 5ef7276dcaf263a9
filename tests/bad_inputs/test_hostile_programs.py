"""Text in the model.json of torch.export archives that torch would turn into code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.hostile import in_program, refused

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
    assert "--import vision" in error.hint
