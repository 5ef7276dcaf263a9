"""What torch.export found out about sizes: the guards that a run's inputs must satisfy."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from torch.export import ExportedProgram

from wasm_torch_web.ir import Symbol


def runtime_guards(program: ExportedProgram, symbols: Sequence[Symbol]) -> list[sympy.Basic]:
    """Relations between sizes that the ranges and declared shapes do not say already.

    Guards that only hold because torch.export never saw sizes 0 and 1 (`Ne(s, 1)`) are artefacts
    of capture and are dropped: the verification runs both sides.
    """
    shape_env = _shape_env(program)
    if shape_env is None:
        return []
    known = {symbol.symbol: symbol for symbol in symbols}
    found: list[sympy.Basic] = []
    for guard in getattr(shape_env, "guards", ()):
        expr = guard.expr
        if expr in found or not expr.free_symbols or not expr.free_symbols <= known.keys():
            continue
        if not _artefact(expr) and not _implied(expr, known):
            found.append(expr)
    return found


def _shape_env(program: ExportedProgram) -> object | None:
    for node in program.graph.nodes:
        mode = getattr(node.meta.get("val"), "fake_mode", None)
        if mode is not None:
            return mode.shape_env
    return None


def _artefact(expr: sympy.Basic) -> bool:
    """`x != 0` and `x != 1` of one size or product: torch's 0/1 specialisation."""
    return isinstance(expr, sympy.Ne) and expr.args[1] in (0, 1)


def _implied(expr: sympy.Basic, known: dict[sympy.Symbol, Symbol]) -> bool:
    """Whether a bound on one symbol follows from its range."""
    if not isinstance(expr, (sympy.Le, sympy.Lt, sympy.Ge, sympy.Gt)):
        return False
    if len(expr.free_symbols) != 1:
        return False
    symbol = known[next(iter(expr.free_symbols))]
    ends = [expr.subs(symbol.symbol, end) for end in (symbol.min, symbol.max)]
    return all(end == sympy.true for end in ends)
