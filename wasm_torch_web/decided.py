"""Sizes that the data decides: what is the most that they can be, over sizes that inputs decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy
from torch.utils._sympy import functions as F

from wasm_torch_web.axes import LARGEST
from wasm_torch_web.errors import UserError
from wasm_torch_web.ir import Dim, Graph, Symbol, simplify
from wasm_torch_web.strides import floor_divide, maximum, minimum, product

Decided = Mapping[Any, Symbol]
Interval = tuple[Dim, Dim]


def decided(graph: Graph) -> dict[Any, Symbol]:
    """The symbols of a graph that values decide."""
    return {symbol.symbol: symbol for symbol in graph.symbols if symbol.value is not None}


def limit_decided(graph: Graph) -> None:
    """Gives decided sizes the largest number that they can be, where there is one."""
    known = decided(graph)
    largest = {s.symbol: s.max for s in graph.symbols if s.value is None}
    for symbol in known.values():
        if symbol.bound is not None:
            bound = sympy.sympify(sympy.sympify(upper(symbol.bound, known)).xreplace(largest))
            if bound.is_number:
                symbol.max = min(symbol.max, max(int(bound), symbol.min))


def upper(size: Dim, known: Decided) -> Dim:
    """The most that a size can be; an expression of sizes that the inputs decide.

    Errors: size-unbounded.
    """
    return simplify(_interval(sympy.sympify(size), known)[1])


def _interval(size: sympy.Basic, known: Decided) -> Interval:
    """(least, most). Products are of sizes, which are not negative."""
    if size.free_symbols.isdisjoint(known):
        return size, size
    if isinstance(size, sympy.Symbol):
        return _symbol_interval(known[size], known)
    if isinstance(size, sympy.Piecewise):
        parts = [_interval(value, known) for value, _ in size.args]
        return _fold(minimum, [low for low, _ in parts]), _fold(
            maximum, [high for _, high in parts]
        )
    parts = [_interval(argument, known) for argument in size.args]
    lows, highs = [low for low, _ in parts], [high for _, high in parts]
    if isinstance(size, sympy.Add):
        return sum(lows), sum(highs)
    if isinstance(size, sympy.Mul):
        negative = any(argument.is_number and argument < 0 for argument in size.args)
        ends = product(lows), product(highs)
        return (ends[1], ends[0]) if negative else ends
    if isinstance(size, (F.Max, sympy.Max)):
        return _fold(maximum, lows), _fold(maximum, highs)
    if isinstance(size, (F.Min, sympy.Min)):
        return _fold(minimum, lows), _fold(minimum, highs)
    if isinstance(size, (F.FloorDiv, F.CleanDiv)) and size.args[1].is_number:
        return floor_divide(lows[0], lows[1]), floor_divide(highs[0], highs[1])
    if isinstance(size, (F.Mod, F.PythonMod, sympy.Mod)):
        return sympy.Integer(0), highs[1]
    raise _unbounded(size, known)


def _symbol_interval(symbol: Symbol, known: Decided) -> Interval:
    if symbol.bound is not None:
        return sympy.Integer(max(symbol.min, 0)), upper(symbol.bound, known)
    if symbol.max < LARGEST:
        return sympy.Integer(symbol.min), sympy.Integer(symbol.max)
    raise _unbounded(symbol.symbol, known)


def _fold(join: Any, ends: list[Any]) -> Any:
    result = ends[0]
    for end in ends[1:]:
        result = join(result, end)
    return result


def _unbounded(size: sympy.Basic, known: Decided) -> UserError:
    names = {symbol: sympy.Symbol(one.name) for symbol, one in known.items()}
    values = [known[symbol].value for symbol in size.free_symbols & known.keys()]
    where = ", ".join(sorted({str(v.producer.origin) for v in values if v and v.producer}))
    return UserError("size-unbounded", size=size.xreplace(names), where=where or "the model")
