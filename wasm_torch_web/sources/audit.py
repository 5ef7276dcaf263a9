"""A torch.export archive's parts in, nothing out: refuses what would run code when it is loaded.

`torch.export.load` unpickles, evaluates size expressions (sympify), looks operators up by name,
imports modules that tree specs name and turns names into Python source. So everything in the
archive that may reach one of these is checked against what `torch.export.save` writes.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import EnumMeta
from typing import Any

import sympy
import torch
from torch.utils._pytree import SERIALIZED_TYPE_TO_PYTHON_TYPE
from torch.utils._sympy import functions as sizes

from wasm_torch_web.errors import UserError

_KNOWN_PARTS = re.compile(
    r"archive_format|archive_version|byteorder|version|models/model\.json|"
    r"\.data/.*|extra/.*|data/(?:weights|constants|sample_inputs)/.*"
)
_IDENTIFIER = re.compile(r"\w*", re.ASCII)
_PATH = re.compile(r"[^\"'\\\x00-\x1f\x7f]*")  # it ends up in getattr(self, "...")
_NUMBER_OR_NAME = re.compile(r"[\w.+-]*", re.ASCII)
_GUARD_CALLS = ("max", "min", "abs", "int", "float", "len")
_ARITHMETIC = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg", "pos", "abs", "getitem"),
    *("eq", "ne", "lt", "le", "gt", "ge", "and_", "or_", "not_", "xor", "lshift", "rshift"),
    *("ceil", "floor", "trunc", "sqrt", "exp", "log", "log2", "inf", "nan"),
)
# Operators of PyTorch itself that are there once a module of it is.
_REGISTERED_BY = {"quantized_decomposed": "torch.ao.quantization.fx._decomposed"}
_FACTORIES = ("list", "dict", "set", "int", "float", "str", "tuple")


class Refused(Exception):
    """The reason, for pickle-refused."""


def check_parts(names: Sequence[str]) -> None:
    """Raises Refused for a part that is neither program, weights nor sample inputs."""
    for name in names:
        if not _KNOWN_PARTS.fullmatch(name):
            raise Refused(f"the part {name}")


def check_payload(config: Any) -> None:
    """Raises Refused for pickled objects in a weights or constants table."""
    for name, entry in config["config"].items():
        _check_text(_PATH, name)
        if entry["use_pickle"] or not re.fullmatch(r"(?:weight|tensor)_\d+", entry["path_name"]):
            raise Refused(f"the object {entry['path_name']}")


def check_program(path: object, document: Any) -> None:
    """Raises Refused for text in model.json that could become code, and UserError
    archive-type-missing for types of inputs and outputs that nobody registered."""
    for guard in document.get("guards_code", []):
        _check_guard(guard)
    for name in document["range_constraints"]:
        _check_expression(name)
    for key, value in _entries(document["graph_module"]):
        match key, value:
            case "name" | "as_name" | "user_input_name", str():
                _check_text(_IDENTIFIER, value)
            case "forward_arg_names", list():
                for name in value:
                    _check_text(_IDENTIFIER, name)
            case (
                "parameter_name" | "buffer_name" | "tensor_constant_name" | "fqn",
                str(),
            ):
                _check_text(_PATH, value)
            case "value", {"as_string": str() as text}:  # constant inputs: quoted in guards
                _check_text(_PATH, text)
            case "target" | "as_operator", str():
                _check_operator(path, value)
            case "expr_str", str():
                _check_expression(value)
            case "in_spec" | "out_spec", str():
                _check_tree(path, json.loads(value)[1])


def _entries(document: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value at any depth, but for metadata, which is never evaluated.

    Keys may also be names of tensors; what such a key holds is a table, never text.
    """
    stack = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            for key, value in node.items():
                if key != "metadata" or not _is_text_table(value):
                    yield key, value
                    stack.append(value)
        elif isinstance(node, list):
            stack.extend(node)


def _is_text_table(value: Any) -> bool:
    """Real metadata, not the entry of a tensor that somebody named so."""
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _check_text(pattern: re.Pattern[str], text: str) -> None:
    if not pattern.fullmatch(text):
        raise Refused(f"the name {text[:60]!r}")


def _check_operator(path: object, target: str) -> None:
    """torch.ops.*, and Python's arithmetic on sizes; not torch.load, torch.hub ..."""
    module, _, name = target.rpartition(".")
    if match := re.fullmatch(r"torch\.ops\.([A-Za-z_]\w*)\.([A-Za-z_]\w*)(\.\w+)?", target):
        if match[1] in _REGISTERED_BY:
            importlib.import_module(_REGISTERED_BY[match[1]])
        if not hasattr(getattr(torch.ops, match[1]), match[2]):
            operator = f"{match[1]}::{match[2]}"
            raise UserError(
                "archive-type-missing", path=path, what="operator", name=operator, module=match[1]
            )
        return
    if module in ("_operator", "math") and name in _ARITHMETIC:
        return
    if module != "torch" or not name.startswith("sym_"):
        raise Refused(f"the function {target[:60]}")


def _check_expression(text: str) -> None:
    """A size as sympy's srepr or as a formula: calls of sympy classes on numbers and names."""
    for node in _nodes(text):
        match node:
            case ast.Call(func=ast.Name(id=name)) if _is_sympy_class(name):
                pass
            case ast.Constant(value=int() | float()):
                pass
            case ast.Constant(value=str() as name) if _NUMBER_OR_NAME.fullmatch(name):
                pass
            case ast.Expression() | ast.Name() | ast.keyword() | ast.expr_context():
                pass
            case ast.UnaryOp() | ast.BinOp() | ast.operator() | ast.unaryop():
                pass
            case _:
                raise Refused(f"the size {text[:60]!r}")


def _is_sympy_class(name: str) -> bool:
    found = getattr(sizes, name, None) or getattr(sympy, name, None)
    return isinstance(found, type) and issubclass(found, sympy.Basic)


def _check_guard(text: str) -> None:
    """A condition on sizes of inputs, such as `L['x'].size()[0] % 2 == 0`."""
    allowed = (
        *(ast.Expression, ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Subscript),
        *(ast.boolop, ast.cmpop, ast.operator, ast.unaryop, ast.expr_context),
    )
    for node in _nodes(text):
        match node:
            case ast.Constant(value=str() as key):
                _check_text(_PATH, key)
            case ast.Constant() | ast.Name(id="L" | "math" | "torch"):
                pass
            case ast.Name(id=name) if name in _GUARD_CALLS:
                pass
            case ast.Call(func=ast.Name(id=name)) if name in _GUARD_CALLS:
                pass
            case ast.Attribute(value=ast.Name(id="math"), attr=name) if name[0] != "_":
                pass
            case ast.Attribute(value=ast.Name(id="torch"), attr=name) if name.startswith("sym_"):
                pass
            case ast.Attribute(value=ast.Subscript() | ast.Attribute(), attr=name) if (
                name[0] != "_"
            ):
                pass
            case ast.Call(func=ast.Attribute(attr="size" | "stride" | "storage_offset")):
                pass
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math" | "torch"))):
                pass
            case _ if not isinstance(node, allowed):
                raise Refused(f"the guard {text[:60]!r}")


def _nodes(text: str) -> Iterator[ast.AST]:
    try:
        return ast.walk(ast.parse(text, mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refused(f"the expression {text[:60]!r}") from error


def _check_tree(path: object, root: Any) -> None:
    """A tree spec: types that are registered, keys that are plain text, nothing to import."""
    stack = [root]
    while stack:
        node = stack.pop()
        name, context = node["type"], node["context"]
        if name == "collections.namedtuple":
            name = context
        if name is not None and name not in _types():
            module = name.partition(".")[0]
            raise UserError(
                "archive-type-missing", path=path, what="type", name=name, module=module
            )
        _check_context(context)
        stack.extend(node["children_spec"])


def _types() -> set[str]:
    return set(SERIALIZED_TYPE_TO_PYTHON_TYPE) - {"NO_SERIALIZED_TYPE_NAME_FOUND"}


def _check_context(context: Any) -> None:
    """The keys of a dict and the like, default factories and enum members."""
    with suppress(TypeError, ValueError):  # most types keep JSON text, some the value itself
        context = json.loads(context)
    stack = [context]
    while stack:
        match stack.pop():
            case str() as text:
                _check_text(_PATH, text)
            case list() as parts:
                stack.extend(parts)
            case {"default_factory_module": module, "default_factory_name": name, **rest}:
                if module != "builtins" or name not in _FACTORIES:
                    raise Refused(f"the default factory {module}.{name}")
                stack.extend(rest.values())
            case {"__enum__": _, "fqn": str() as place, **rest}:
                module, _, name = place.partition(":")
                if not isinstance(getattr(sys.modules.get(module), name, None), EnumMeta):
                    raise Refused(f"the enum {place[:60]}")
                stack.extend(rest.values())
            case dict() as table:
                stack.extend((*table, *table.values()))
