"""Size expressions and guards of a manifest in, numbers out; text is parsed, never evaluated.

The text comes from a package, which may come from anywhere.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Any

Sizes = Mapping[str, int]

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: Fraction(a) / Fraction(b),
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Invert: operator.not_,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Max": max,
    "Min": min,
    "max": max,
    "min": min,
    "floor": floor,
    "ceiling": ceil,
    "Mod": operator.mod,
    "FloorDiv": operator.floordiv,
    "Eq": operator.eq,
    "Ne": operator.ne,
}
MAX_POWER = 64


def evaluate(text: str | int, sizes: Sizes) -> Any:
    """The value of an expression such as `2*T + 1` or `T <= 64`.

    Raises ValueError for anything outside of arithmetic, and for names that are not in `sizes`.
    """
    if isinstance(text, int):
        return text
    try:
        return _value(ast.parse(text, mode="eval").body, sizes)
    except (SyntaxError, ArithmeticError, TypeError, RecursionError) as error:
        raise ValueError(f"{text}: {error}") from error


def names(text: str) -> set[str]:
    """The names in an expression, those of functions too. Raises ValueError where it is none."""
    try:
        nodes = ast.walk(ast.parse(text, mode="eval"))
    except (SyntaxError, RecursionError) as error:
        raise ValueError(f"{text}: {error}") from error
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def shape_of(port: Mapping[str, Any], sizes: Sizes) -> tuple[int, ...]:
    """The shape of an input for given sizes. Raises ValueError as `evaluate` does."""
    shape = tuple(int(evaluate(size, sizes)) for size in port["shape"])
    if any(size < 0 for size in shape):
        raise ValueError(f"{port['name']}: negative size")
    return shape


def _value(node: ast.expr, sizes: Sizes) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name) if name in sizes:
            return sizes[name]
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as power)):
            if 0 <= power <= MAX_POWER:
                return _value(left, sizes) ** power
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, sizes), _value(right, sizes))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(operand, sizes))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, sizes), _value(right, sizes))
        case ast.BoolOp(op=op, values=values):
            decide = all if isinstance(op, ast.And) else any
            return decide(_value(value, sizes) for value in values)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(argument, sizes) for argument in args))
    raise ValueError(f"{ast.unparse(node)} is not an expression of sizes")
