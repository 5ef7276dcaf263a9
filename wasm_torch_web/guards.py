"""What torch.export found out about sizes: the guards that a run's inputs must satisfy.

They come as Python text (`L['x'].size()[0] == 4*(L['x'].size()[0] // 4)`), in a captured program as
in an archive; the text is parsed, never evaluated, because an archive may come from anywhere.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sympy
import torch
from torch.export import ExportedProgram
from torch.utils._sympy.functions import CleanDiv, FloorDiv, Max, Min, PythonMod

from wasm_torch_web.ir import Symbol


def runtime_guards(
    program: ExportedProgram, inputs: dict[str, Any], symbols: Sequence[Symbol]
) -> list[sympy.Basic]:
    """Relations between sizes that the ranges and declared shapes do not say already.

    `inputs` are fake tensors by input name, whose sizes the guards are about. Guards that only
    hold because torch.export never saw sizes 0 and 1 (`x != 1`) are artefacts of capture and are
    dropped: the verification runs both sides. Numbers were seen as they are, so theirs stay.
    """
    known = {symbol.symbol: symbol for symbol in symbols}
    found: list[sympy.Basic] = []
    for text in getattr(program, "_guards_code", None) or ():
        for part in _conjuncts(_Reader(inputs).read(text)):
            wanted = part.free_symbols and part.free_symbols <= known.keys()
            if wanted and part not in found and not _implied(part, known):
                numbers = any(known[symbol].min < 0 for symbol in part.free_symbols)
                if numbers or not _artefact(part):
                    found.append(part)
    return found


_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: FloorDiv,
    ast.Mod: PythonMod,
    ast.Eq: sympy.Eq,
    ast.NotEq: sympy.Ne,
    ast.Lt: sympy.Lt,
    ast.LtE: sympy.Le,
    ast.Gt: sympy.Gt,
    ast.GtE: sympy.Ge,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"max": Max, "min": Min}


class _Reader:
    """Guard text to sympy; text that is about something else than sizes reads as true."""

    def __init__(self, inputs: dict[str, Any]) -> None:
        self.inputs = inputs

    def read(self, text: str) -> sympy.Basic:
        try:
            return sympy.sympify(self.node(ast.parse(text, mode="eval").body))
        except (KeyError, IndexError, TypeError, SyntaxError, RecursionError):
            return sympy.true

    def node(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return sympy.Integer(node.value)
        if isinstance(node, ast.BoolOp):
            join = sympy.And if isinstance(node.op, ast.And) else sympy.Or
            return join(*(self.node(value) for value in node.values))
        if isinstance(node, ast.BinOp):
            return _BINARY[type(node.op)](self.node(node.left), self.node(node.right))
        if isinstance(node, ast.UnaryOp):
            inner = self.node(node.operand)
            return sympy.Not(inner) if isinstance(node.op, ast.Not) else -inner
        if isinstance(node, ast.Compare):
            sides = [self.node(side) for side in (node.left, *node.comparators)]
            pairs = zip(node.ops, sides, sides[1:], strict=False)
            return sympy.And(*(_BINARY[type(op)](a, b) for op, a, b in pairs))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return _FUNCTIONS[node.func.id](*(self.node(argument) for argument in node.args))
        return self.size(node)

    def size(self, node: ast.AST) -> Any:
        """`L['x'].size()[0]`, or a number input `L['n']`."""
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call):
            (axis,) = _keys(node)[-1:]
            method = node.value.func
            if isinstance(method, ast.Attribute) and method.attr == "size":
                return _expression(self.inputs["_".join(_keys(method.value))].shape[int(axis)])
        return _expression(self.inputs["_".join(_keys(node))])


def _keys(node: ast.AST) -> list[str]:
    """The subscripts of `L['x'][0]`, outermost object first."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return [*_keys(node.value), str(node.slice.value)]
    return []


def _expression(size: Any) -> Any:
    return size.node.expr if isinstance(size, torch.SymInt) else sympy.Integer(size)


def _conjuncts(expr: sympy.Basic) -> Iterator[sympy.Basic]:
    if isinstance(expr, sympy.And):
        for part in expr.args:
            yield from _conjuncts(part)
    else:
        yield expr


def _artefact(expr: sympy.Basic) -> bool:
    """A relation that fails only where some size is 0 or 1: torch's 0/1 specialisation.

    Such are `x != 1`, `x * y != y` and `y % (x * y) != 0` from comparing strides.
    """
    if isinstance(expr, sympy.Ne) and expr.args[1] == 0:
        remainder = expr.args[0]
        if isinstance(remainder, PythonMod):
            base, modulus = (_atoms_as_symbols(arg) for arg in remainder.args)
            times, of = sympy.fraction(sympy.cancel(modulus / base))
            return of == 1 and len(sympy.Add.make_args(times)) == 1
    if isinstance(expr, (sympy.Ne, sympy.Ge)):
        left, right = (_atoms_as_symbols(side) for side in expr.args)
        difference = sympy.factor(left - right)
        factors = sympy.Mul.make_args(difference)
        negative = any(factor.is_number and factor < 0 for factor in factors)
        signed = isinstance(expr, sympy.Ne) or not negative
        return signed and all(_zero_at_01(factor) for factor in factors)
    return False


def _atoms_as_symbols(expr: sympy.Basic) -> sympy.Basic:
    """Floor divisions and maxima, which are sizes too, as symbols of their own."""
    atoms = expr.atoms(FloorDiv, CleanDiv, Max)
    outermost = [a for a in atoms if not any(a is not b and b.has(a) for b in atoms)]
    return expr.xreplace({atom: sympy.Symbol(str(atom), positive=True) for atom in outermost})


def _zero_at_01(factor: sympy.Expr) -> bool:
    """Numbers, products of sizes, and `c * product - d` with c >= d: never 0 for sizes above 1."""
    terms = sympy.Add.make_args(factor)
    products = [term for term in terms if not term.is_number]
    if len(terms) == 1:
        return True
    if len(terms) > 2 or len(products) > 1:
        return False
    coefficient = products[0].subs(dict.fromkeys(factor.free_symbols, 1))
    rest = factor - products[0]
    return bool(coefficient > 0 > rest and coefficient >= -rest)


def _implied(expr: sympy.Basic, known: dict[sympy.Symbol, Symbol]) -> bool:
    """Whether a bound on one size follows from its range, as the size grows with its symbol."""
    if not isinstance(expr, (sympy.Le, sympy.Lt, sympy.Ge, sympy.Gt)):
        return False
    if len(expr.free_symbols) != 1:
        return False
    difference = sympy.expand(expr.args[0] - expr.args[1])
    if not (_grows(difference) or _grows(-difference)):
        return False
    symbol = known[next(iter(expr.free_symbols))]
    ends = [expr.subs(symbol.symbol, end) for end in (symbol.min, symbol.max)]
    return all(end == sympy.true for end in ends)


def _grows(expr: sympy.Expr) -> bool:
    """Whether a larger symbol never makes it smaller: remainders, and differences, may."""
    if expr.is_number or expr.is_Symbol:
        return True
    if isinstance(expr, FloorDiv):
        return _grows(expr.args[0]) and bool(expr.args[1].is_number and expr.args[1] > 0)
    if isinstance(expr, sympy.Mul):
        number, rest = expr.as_coeff_Mul()
        return number >= 0 and not isinstance(rest, sympy.Mul) and _grows(rest)
    return isinstance(expr, (sympy.Add, Max, Min)) and all(map(_grows, expr.args))
