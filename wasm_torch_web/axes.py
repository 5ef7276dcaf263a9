"""`--dynamic` in, axes out; a captured program and its axes in, its free sizes by name out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch.export import ExportedProgram

from wasm_torch_web.errors import UserError
from wasm_torch_web.ir import Symbol

LARGEST = 2**31 - 1


@dataclass(frozen=True)
class DynamicAxis:
    """An axis that may change: `input.axis` from min to max; `symbol` where the user named one."""

    input: str
    axis: int
    min: int
    max: int
    symbol: str | None = None

    @property
    def name(self) -> str:
        """The public name of the size."""
        return self.symbol or f"{self.input}_{self.axis}"


_DYNAMIC = re.compile(
    r"(?P<input>.+)\.(?P<axis>\d{1,9})=(?:(?P<symbol>[A-Za-z_]\w{0,63}):)?"
    r"(?P<min>\d{1,10})\.\.(?P<max>\d{1,10})",
    re.ASCII,
)
_LISTED = "those that `wasm-torch-web inspect` lists"


def parse_dynamic(spec: str) -> DynamicAxis:
    """Reads `NAME.AXIS=[SYMBOL:]MIN..MAX`.

    Errors: dynamic-spec.
    """
    match = _DYNAMIC.fullmatch(spec.strip())
    if match is None:
        raise UserError("dynamic-spec", spec=spec, reason="cannot be read", inputs=_LISTED)
    low, high = int(match["min"]), int(match["max"])
    if not low <= high <= LARGEST:
        reason = f"{low}..{high} is empty or ends above {LARGEST}"
        raise UserError("dynamic-spec", spec=spec, reason=reason, inputs=_LISTED)
    return DynamicAxis(match["input"], int(match["axis"]), low, high, match["symbol"])


@dataclass(frozen=True)
class Sizes:
    """The free sizes of a program: `symbols` under public names, and `ties`: symbols that the user
    gave one name although torch.export found no reason, each to the one that stands for it."""

    symbols: list[Symbol]
    ties: dict[sympy.Symbol, sympy.Symbol]


def read_sizes(program: ExportedProgram, dynamic: Sequence[DynamicAxis] = ()) -> Sizes:
    """The program's free sizes; axes that guards tie take the first one's name.

    Errors: axis-specialised, name-collision.
    """
    fakes = input_fakes(program)
    found: dict[sympy.Symbol, Symbol] = {}
    ties: dict[sympy.Symbol, sympy.Symbol] = {}
    for axis in dynamic:
        expr = _size_expression(fakes, axis)
        if not isinstance(expr, sympy.Symbol):
            continue
        named = next((s for s in found.values() if s.name == axis.name), None)
        if named is not None and named.symbol != expr:
            ties[expr] = named.symbol
        known = named or found.get(expr)
        if known is None:
            found[expr] = Symbol(expr, axis.name, *_tightened(program, expr, axis.min, axis.max))
        else:
            known.min, known.max = max(known.min, axis.min), min(known.max, axis.max)
    for label, low, symbol in _free_symbols(fakes):
        if symbol not in found and symbol not in ties:
            if any(label == other.name for other in found.values()):
                raise UserError("name-collision", what="sizes", name=label)
            found[symbol] = Symbol(symbol, label, *_tightened(program, symbol, low, LARGEST, 1))
    return Sizes(list(found.values()), ties)


def input_fakes(program: ExportedProgram) -> dict[str, Any]:
    """The user's inputs by name, as fake tensors and symbolic numbers."""
    users = set(program.graph_signature.user_inputs)
    return {
        node.name: node.meta.get("val")
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in users
    }


def sizes_that_follow(program: ExportedProgram, dynamic: Sequence[DynamicAxis]) -> Counter[str]:
    """By axis, `input.axis`: how many sizes inside the program are computed from it. Reasoning
    about them is what makes a capture slow."""
    fakes = input_fakes(program)
    symbols = {axis: _size_expression(fakes, axis).free_symbols for axis in dynamic}
    found: Counter[str] = Counter()
    for node in program.graph.nodes:
        for size in getattr(node.meta.get("val"), "shape", ()):
            if isinstance(size, torch.SymInt) and not size.node.expr.is_Symbol:
                inside = size.node.expr.free_symbols
                found.update(f"{a.input}.{a.axis}" for a in dynamic if inside & symbols[a])
    return found


def _size_expression(fakes: dict[str, Any], axis: DynamicAxis) -> sympy.Expr:
    size = fakes[axis.input].shape[axis.axis]
    if isinstance(size, torch.SymInt) and size.node.expr.free_symbols:
        expr: sympy.Expr = size.node.expr
        return expr
    raise UserError(
        "axis-specialised",
        axis=f"{axis.input}.{axis.axis}",
        value=int(size),
        reason="the model's code depends on this size",
    )


def _free_symbols(fakes: dict[str, Any]) -> Iterator[tuple[str, int, sympy.Symbol]]:
    """The symbols in the inputs' sizes and numbers, each with the name of its place and the least
    that it may be: numbers may be negative, sizes (and numbers that equal one) not."""
    for name, fake in sorted(fakes.items(), key=lambda item: not _has_axes(item[1])):
        places = [(name, -LARGEST, fake)]
        if _has_axes(fake):
            places = [(f"{name}_{axis}", 0, size) for axis, size in enumerate(fake.shape)]
        for label, low, size in places:
            if isinstance(size, torch.SymInt):
                for symbol in sorted(size.node.expr.free_symbols, key=str):
                    yield label, low, symbol


def _has_axes(fake: Any) -> bool:
    return isinstance(fake, torch.Tensor)


def _tightened(
    program: ExportedProgram, symbol: sympy.Symbol, low: int, high: int, least: int = 0
) -> tuple[int, int]:
    """The range asked for, less what torch.export found impossible; `least` where it cannot say."""
    bounds = program.range_constraints.get(symbol)
    if bounds is None:
        return low, high
    lower = int(bounds.lower) if bounds.lower > -LARGEST else low
    upper = int(bounds.upper) if bounds.upper < LARGEST else high
    if low < 0:
        # torch.export writes 0 for a number of which it knows nothing; `n >= 0` would be a guard.
        lower = lower or low
    elif lower == 2:
        # It never sees sizes 0 and 1, so its lower bound of 2 says nothing about them.
        lower = least
    return max(low, lower), min(high, upper)
