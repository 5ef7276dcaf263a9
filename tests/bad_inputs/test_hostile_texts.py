"""Texts of torch.export archives one by one: those that torch writes are taken, others refused."""

from __future__ import annotations

import json

import pytest

from wasm_torch_web.errors import UserError
from wasm_torch_web.sources.audit import Refused, check_parts, check_payload, check_program

ENUM = "enum:FlagBoundary"  # one that is always imported


def audited(**document: object) -> None:
    check_program("model.pt2", {"range_constraints": {}, "graph_module": {}, **document})


def is_refused(**document: object) -> bool:
    try:
        audited(**document)
    except Refused:
        return True
    return False


@pytest.mark.parametrize(
    "guard",
    [
        "L['x'].size()[0] % 2 == 0",
        "L['x'].stride()[0] + L['x'].storage_offset() >= -3",
        "max(L['a']['b'].size()[0], 2) == min(3, abs(4)) or not 1 < 2",
        "math.floor(L['x'].size()[0] / 2) == int(2.0) and math.pi < float(4)",
        "torch.sym_max(L['x'].size()[0], 2) == len(L['y'])",
        "L['x'].part.size()[0] == 3",
    ],
)
def test_guards_that_torch_writes(guard: str) -> None:
    audited(guards_code=[guard])


@pytest.mark.parametrize(
    "guard",
    [
        *("exec('ran')", "open('ran', 'w')", "getattr(L, 'a')", "x == 1", "abs.a == 1"),
        *("math.__loader__ == 1", "torch.load('ran')", "torch.hub.load('ran')", "torch.sym == 1"),
        *("L['x']._a == 1", "L['x'].a.__class__ == 1", "L['x'].item()", "L['x'].a.b()"),
        *("max(1, 2)(3)", "[1]", "(1, 2) == 3", "lambda: 1", "1 if 2 else 3", "{}", "f'{1}'"),
        *("L['\"'].size()", "L['x'", "1 == 1; 2", "(" * 5000 + ")" * 5000, "1\0", ""),
        *("os.size()", "L.size()", "(a := 1)", "[a for a in L]"),
    ],
)
def test_guards_that_it_does_not(guard: str) -> None:
    assert is_refused(guards_code=["1 == 1", guard])


SIZES = ["Add(Mul(Integer(2), Symbol('s0', integer=True)), Integer(-1))", "FloorDiv(s0, 2)"]
SIZES += ["2*s0 + 1", "-s0**2", "Max(1, s0)", "1.5", "Symbol('u0.1+2-3')"]


@pytest.mark.parametrize("size", SIZES)
def test_sizes_that_torch_writes(size: str) -> None:
    audited(graph_module={"a": [{"expr_str": size}]}, range_constraints={size: {}})


@pytest.mark.parametrize(
    "size",
    [
        *("open('ran', 'w')", "eval('1')", "lambdify('x', 'ran')", "Matrix(1)", "nothing(1)"),
        *("s0.evalf()", "s0[0]", "s0 < 1", "Symbol('a b')", "Symbol('a(')", "Symbol(b'x')"),
        *("None", "[1]", "1 if 2 else 3", "Integer(*s0)", "s0 :", "(" * 5000 + ")" * 5000),
        *("lambda: 1", "Integer(1)(2)", "...", "Symbol('')[0]", "s0 and 1", "{1: 2}"),
    ],
)
def test_sizes_that_it_does_not(size: str) -> None:
    assert is_refused(graph_module={"expr_str": size})
    assert is_refused(range_constraints={size: {}})


OPERATORS = ("torch.ops.aten.relu.default", "torch.ops.aten.relu", "_operator.add", "math.floor")


@pytest.mark.parametrize("operator", [*OPERATORS, "torch.sym_max", "torch.sym_not"])
@pytest.mark.parametrize("key", ["target", "as_operator"])
def test_operators_that_torch_writes(key: str, operator: str) -> None:
    audited(graph_module={"nodes": [{key: operator}]})


@pytest.mark.parametrize(
    "operator",
    [
        *("torch.load", "torch.hub.load", "torch.sym_max.x", "torch.ops.aten.relu.default.x"),
        *("torch.ops.aten", "torch.ops", "_operator.methodcaller", "math.fsum", "os.system"),
        *("builtins.eval", "torch.nn.sym_x", "operator.add", "sym_max", "", "torch.ops.a b.c"),
        *("torch.ops.aten.relu.", "xtorch.ops.aten.relu", "torch.ops.1a.b", "torch.ops.a.1b"),
    ],
)
def test_operators_that_it_does_not(operator: str) -> None:
    assert is_refused(graph_module={"target": operator})
    assert is_refused(graph_module={"nodes": [{"a": [{"as_operator": operator}]}]})


@pytest.mark.parametrize("name", ["torch.ops.aten.nothing.default", "torch.ops.nobody.nms"])
def test_operators_that_are_not_there(name: str) -> None:
    with pytest.raises(UserError) as caught:
        audited(graph_module={"target": name})
    assert caught.value.slug == "archive-type-missing"


@pytest.mark.parametrize("key", ["name", "as_name", "user_input_name", "forward_arg_names"])
def test_names_of_values_are_identifiers(key: str) -> None:
    def given(name: str) -> dict[str, object]:
        return {key: ["x", name] if key == "forward_arg_names" else name}

    audited(graph_module={"a": [given("x_1")], "metadata": {"name": "a b"}})
    for name in ("a b", "a=1", "a.b", "\u00e4", "a\n"):
        assert is_refused(graph_module=given(name))
    assert is_refused(graph_module={"metadata": {"name": given("a b")}})


@pytest.mark.parametrize("key", ["parameter_name", "buffer_name", "tensor_constant_name", "fqn"])
def test_names_of_tensors_are_quoted(key: str) -> None:
    audited(graph_module={key: "layers.0.weight </script>"})
    for name in ('"', "'", "\\", "\n", "\x1f", "\x7f"):
        assert is_refused(graph_module={key: f"a{name}b"})
        assert is_refused(graph_module={"value": {"as_string": f"a{name}b"}})


# --- tree specs ---

LEAF = {"type": None, "context": None, "children_spec": []}


def spec(**entries: object) -> dict[str, object]:
    return {"type": "builtins.dict", "context": "[]", "children_spec": [LEAF], **entries}


def trees(root: object) -> dict[str, object]:
    return {"graph_module": {"signature": {"in_spec": json.dumps([1, root])}}}


FACTORY = {"default_factory_module": "builtins", "default_factory_name": "list", "dict_context": []}


@pytest.mark.parametrize(
    "context",
    [
        *("null", '["a", "b.c"]', ["a", 3], FACTORY, json.dumps({"__enum__": True, "fqn": ENUM})),
        *("collections.OrderedDict", {"a": ["b"]}, 3, None),
    ],
)
def test_contexts_that_torch_writes(context: object) -> None:
    audited(**trees(spec(context=context)))
    audited(**trees(spec(children_spec=[spec(context=context)])))


@pytest.mark.parametrize(
    "context",
    [
        *('["a\'b"]', ["a", ['"']], {"a": {"b": "\\"}}, {"'": 1}, '"a\\nb"'),
        *(FACTORY | {"default_factory_name": "eval"}, FACTORY | {"default_factory_module": "os"}),
        *(FACTORY | {"dict_context": ["'"]}, {"__enum__": True, "fqn": "os:system"}),
        *({"__enum__": True, "fqn": "nobody:A"}, {"__enum__": 1, "fqn": ENUM, "name": "'"}),
    ],
)
def test_contexts_that_it_does_not(context: object) -> None:
    assert is_refused(**trees(spec(context=context)))
    assert is_refused(**trees(spec(children_spec=[LEAF, spec(context=json.dumps(context))])))


@pytest.mark.parametrize(
    "root", [spec(type="a.B"), spec(type="collections.namedtuple", context="a.B")]
)
def test_types_of_trees_are_registered(root: dict[str, object]) -> None:
    for tree_ in (root, spec(children_spec=[LEAF, root])):
        with pytest.raises(UserError) as caught:
            audited(**trees(tree_))
        assert caught.value.slug == "archive-type-missing"
        assert "a.B" in caught.value.message


# --- parts and tables ---

PARTS = (
    *("data/weights/weight_0", "data/constants/a", "data/sample_inputs/model.pt"),
    *("archive_format", "models/model.json", ".data/serialization_id", "extra/a", "version"),
)


def test_parts_that_torch_writes() -> None:
    check_parts(PARTS)
    for name in ("code/a.py", "models/model2.json", "data/other/a", "a/extra/a", "xversion", ""):
        with pytest.raises(Refused):
            check_parts([*PARTS, name])


def payload(name: str = "w", pickled: bool = False, path: str = "weight_0") -> dict[str, object]:
    return {"config": {name: {"use_pickle": pickled, "path_name": path}}}


def test_tables_of_plain_tensors() -> None:
    check_payload(payload())
    check_payload(payload(path="tensor_12"))
    for wrong in (
        *(payload(pickled=True), payload(path="custom_obj_0"), payload(path="weight_0/../x")),
        *(payload(name="a'b"), payload(path="weight_"), payload(path="xweight_0")),
    ):
        with pytest.raises(Refused):
            check_payload(wrong)
