"""A JSON Schema and data in, the first fault out: the part of JSON Schema 2020-12 that
manifest.schema.json uses, in the words of js_runtime/src/schema.ts.

One file of a stranger can hold a million items. So it stops at the first fault, and keywords are
made functions of once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Fault = str | None
Check = Callable[[Any], Fault]
Compile = Callable[[Mapping[str, Any]], Check]

_TYPES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def checker(root: Mapping[str, Any]) -> Check:
    """What tells where and what the first fault is, such as `/plan/bytes: less than 1`; None if all
    is well."""
    known: dict[str, Check] = {}

    def definition(name: str) -> Check:
        if name not in known:
            known[name] = compiled(root["$defs"][name])
        return known[name]

    def compiled(schema: Mapping[str, Any]) -> Check:
        checks: list[Check] = []
        for keyword, parameter in schema.items():
            if keyword == "$ref":
                checks.append(definition(parameter.removeprefix("#/$defs/")))
            elif keyword in _RULES:
                checks.append(_RULES[keyword](parameter, compiled, schema))
        return checks[0] if len(checks) == 1 else _all(checks)

    return compiled(root)


def path_name(name: object) -> str:
    """A name of the file as messages have it."""
    return re.sub("[^ -~]", "?", str(name)[:64])


def _all(checks: list[Check]) -> Check:
    def check(data: Any) -> Fault:
        for one in checks:
            fault = one(data)
            if fault is not None:
                return fault
        return None

    return check


def _within(name: object, fault: Fault) -> Fault:
    return None if fault is None else f"/{path_name(name)}{fault}"


def _type(types: str | list[str], _: Compile, __: Any) -> Check:
    wanted = [types] if isinstance(types, str) else types
    taken = {kind for kind, name in _TYPES.items() if name in wanted}
    if "number" in wanted:
        taken.add(int)

    def check(data: Any) -> Fault:
        if type(data) in taken:
            return None
        return f": {_TYPES[type(data)]} instead of {' or '.join(wanted)}"

    return check


def _pattern(pattern: str, _: Compile, __: Any) -> Check:
    # In Python alone `$` is also before a newline at the end.
    found = re.compile(pattern.replace("$", r"\Z")).search
    return lambda data: None if type(data) is not str or found(data) else f": not {pattern}"


def _said(kinds: tuple[type, ...], wrong: Callable[[Any, Any], bool], text: str) -> Any:
    """A rule about data of some types."""

    def rule(parameter: Any, _: Compile, __: Any) -> Check:
        message = text.format(parameter)
        return lambda data: message if type(data) in kinds and wrong(data, parameter) else None

    return rule


def _items(schema: Any, compiled: Compile, _: Any) -> Check:
    check = compiled(schema)

    def each(data: Any) -> Fault:
        if type(data) is not list:
            return None
        for i, item in enumerate(data):
            fault = check(item)
            if fault is not None:
                return _within(i, fault)
        return None

    return each


def _required(names: list[str], _: Compile, __: Any) -> Check:
    def check(data: Any) -> Fault:
        if type(data) is not dict:
            return None
        missing = next((name for name in names if name not in data), None)
        return None if missing is None else f": {missing} is missing"

    return check


def _entries(fault_of: Callable[[str, Any], Fault]) -> Check:
    """The first fault of an object's entries, in the order of the file."""

    def each(data: Any) -> Fault:
        if type(data) is not dict:
            return None
        for name, item in data.items():
            fault = fault_of(name, item)
            if fault is not None:
                return fault
        return None

    return each


def _property_names(schema: Any, compiled: Compile, _: Any) -> Check:
    check = compiled(schema)
    return _entries(lambda name, _: _within(name, check(name)))


def _properties(schemas: Mapping[str, Any], compiled: Compile, _: Any) -> Check:
    checks = {name: compiled(schema) for name, schema in schemas.items()}
    return _entries(
        lambda name, item: _within(name, checks[name](item)) if name in checks else None
    )


def _others(rule: Any, compiled: Compile, schema: Mapping[str, Any]) -> Check:
    known = schema.get("properties", {})
    if rule is False:
        return _entries(lambda name, _: None if name in known else f": unknown {path_name(name)}")
    check = compiled(rule)
    return _entries(lambda name, item: None if name in known else _within(name, check(item)))


def _one_of(schemas: list[Any], compiled: Compile, _: Any) -> Check:
    checks = [compiled(schema) for schema in schemas]

    def check(data: Any) -> Fault:
        fitting = sum(one(data) is None for one in checks)
        return None if fitting == 1 else f": fits {fitting} of {len(checks)} forms instead of one"

    return check


def _const(value: Any, _: Compile, __: Any) -> Check:
    return lambda data: None if type(data) is type(value) and data == value else f": not {value!r}"


def _enum(values: list[str], _: Compile, __: Any) -> Check:
    text = f": none of {', '.join(values)}"
    return lambda data: None if type(data) is str and data in values else text


_NUMBERS = (int, float)
_RULES: dict[str, Callable[[Any, Compile, Mapping[str, Any]], Check]] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "minimum": _said(_NUMBERS, lambda data, least: bool(data < least), ": less than {}"),
    "maximum": _said(_NUMBERS, lambda data, most: bool(data > most), ": more than {}"),
    "multipleOf": _said(_NUMBERS, lambda data, step: bool(data % step), ": no multiple of {}"),
    "minLength": _said((str,), lambda data, least: len(data) < least, ": shorter than {}"),
    "maxLength": _said((str,), lambda data, most: len(data) > most, ": longer than {}"),
    "pattern": _pattern,
    "minItems": _said((list,), lambda data, least: len(data) < least, ": fewer than {} items"),
    "maxItems": _said((list,), lambda data, most: len(data) > most, ": more than {} items"),
    "items": _items,
    "required": _required,
    "maxProperties": _said((dict,), lambda data, most: len(data) > most, ": more than {}"),
    "propertyNames": _property_names,
    "properties": _properties,
    "additionalProperties": _others,
    "oneOf": _one_of,
}
