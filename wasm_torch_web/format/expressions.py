"""Sizes as postfix programs: sympy expressions in, the bytes of plan.bin's `code` section out."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import sympy
from sympy.logic.boolalg import BooleanFalse, BooleanTrue
from torch.utils._sympy import functions as F

from wasm_torch_web.errors import UserError

OPCODES = {
    name: number
    for number, name in enumerate(
        [
            "const",
            "constf",
            "sym",
            "dim",
            "scalar",
            "add",
            "sub",
            "mul",
            "floordiv",
            "mod",
            "min",
            "max",
            "addf",
            "subf",
            "mulf",
            "divf",
            "powf",
            "minf",
            "maxf",
            "tofloat",
            "floor",
            "ceil",
            "trunc",
            "eq",
            "ne",
            "lt",
            "le",
            "ltf",
            "lef",
            "eqf",
            "and",
            "or",
            "not",
            "select",
            "pow",
            "sqrtf",
            "symf",
        ]
    )
}


class Code:
    """A postfix program under construction; `is_float` is the type of what it leaves."""

    def __init__(self) -> None:
        self.words: list[bytes] = []

    def op(self, name: str, operand: int = 0, argument: int = 0) -> None:
        """Appends an instruction."""
        self.words.append(struct.pack("<BBHi", OPCODES[name], operand, 0, argument))

    def integer(self, value: int) -> None:
        """Pushes an int."""
        self.op("const")
        self.words.append(struct.pack("<q", value))

    def real(self, value: float) -> None:
        """Pushes a float."""
        self.op("constf")
        self.words.append(struct.pack("<d", value))


class Encoder:
    """Encodes expressions; `symbols` numbers the symbols."""

    def __init__(self, symbols: dict[sympy.Symbol, int]) -> None:
        self.symbols = symbols

    def encode(self, expr: Any, is_float: bool) -> list[bytes]:
        """The program that leaves `expr` as an int (bools as 0 and 1) or as a float.

        Errors: symbol-unsupported.
        """
        code = Code()
        found = self._push(code, expr)
        if is_float and not found:
            code.op("tofloat")
        elif found and not is_float:
            raise _unsupported(expr)
        return code.words

    def _push(self, code: Code, expr: Any) -> bool:
        """Appends what computes `expr`; gives whether it is a float."""
        if isinstance(expr, (bool, int, sympy.Integer)):
            code.integer(int(expr))
            return False
        if isinstance(expr, (BooleanTrue, BooleanFalse)):
            code.integer(int(bool(expr)))
            return False
        if isinstance(expr, (float, sympy.Float, sympy.Rational)) or expr in _INFINITIES:
            code.real(float(expr))
            return True
        if isinstance(expr, sympy.Symbol):
            if expr not in self.symbols:
                raise _unsupported(expr)
            is_float = not expr.is_integer
            code.op("symf" if is_float else "sym", 0, self.symbols[expr])
            return is_float
        return self._apply(code, expr)

    def _apply(self, code: Code, expr: sympy.Basic) -> bool:
        for kinds, (integer_op, float_op) in _NARY.items():
            if isinstance(expr, kinds):
                return self._chain(code, expr.args, integer_op, float_op)
        for kinds, name in _BINARY.items():
            if isinstance(expr, kinds):
                self._operands(code, expr.args, want_float=name in _FLOAT_OPS)
                code.op(name)
                return name in _FLOAT_RESULTS
        for kinds, name in _ROUNDING.items():
            if isinstance(expr, kinds):
                if not self._push(code, expr.args[0]):
                    return False  # an integer already
                code.op(name)
                return False
        special = _SPECIAL.get(type(expr).__name__)
        if special is None:
            raise _unsupported(expr)
        return special(self, code, expr)

    def _chain(self, code: Code, args: Any, integer_op: str, float_op: str) -> bool:
        is_float = any(self._is_float(arg) for arg in args)
        for index, arg in enumerate(args):
            self._as(code, arg, is_float)
            if index:
                code.op(float_op if is_float else integer_op)
        return is_float

    def _operands(self, code: Code, args: Any, want_float: bool) -> None:
        for arg in args:
            self._as(code, arg, want_float)

    def _as(self, code: Code, expr: Any, is_float: bool) -> None:
        found = self._push(code, expr)
        if is_float and not found:
            code.op("tofloat")
        elif found and not is_float:
            raise _unsupported(expr)

    def _is_float(self, expr: Any) -> bool:
        return self._push(Code(), expr)

    def _power(self, code: Code, expr: Any) -> bool:
        base, exponent = expr.args
        if exponent == -1:
            code.real(1.0)
            self._as(code, base, True)
            code.op("divf")
            return True
        if exponent.is_Integer and exponent > 0 and not self._is_float(base):
            self._operands(code, expr.args, want_float=False)
            code.op("pow")
            return False
        self._operands(code, expr.args, want_float=True)
        code.op("powf")
        return True

    def _relation(self, code: Code, expr: Any) -> bool:
        left, right = expr.args
        name = {
            "GreaterThan": "le",
            "StrictGreaterThan": "lt",
            "LessThan": "le",
            "StrictLessThan": "lt",
            "Equality": "eq",
            "Unequality": "ne",
        }[type(expr).__name__]
        if "Greater" in type(expr).__name__:
            left, right = right, left
        is_float = self._is_float(left) or self._is_float(right)
        self._operands(code, (left, right), want_float=is_float)
        if not is_float:
            code.op(name)
        else:
            code.op({"le": "lef", "lt": "ltf", "eq": "eqf", "ne": "eqf"}[name])
            if name == "ne":
                code.op("not")
        return False

    def _piecewise(self, code: Code, expr: Any) -> bool:
        """Piecewise and Where: nested selects; the last branch must be unconditional."""
        branches = (
            [(expr.args[1], expr.args[0]), (expr.args[2], sympy.true)]
            if type(expr).__name__ == "Where"
            else [(value, condition) for value, condition in expr.args]
        )
        *first, (otherwise, condition) = branches
        if condition != sympy.true:
            raise _unsupported(expr)
        for value, test in first:
            self._as(code, test, False)
            self._as(code, value, False)
        self._as(code, otherwise, False)
        for _ in first:
            code.op("select")
        return False

    def _inner(self, code: Code, expr: Any) -> bool:
        return self._push(code, expr.args[0])

    def _not(self, code: Code, expr: Any) -> bool:
        self._as(code, expr.args[0], False)
        code.op("not")
        return False

    def _root(self, code: Code, expr: Any) -> bool:
        self._as(code, expr.args[0], True)
        code.op("sqrtf")
        return True

    def _to_float(self, code: Code, expr: Any) -> bool:
        self._as(code, expr.args[0], True)
        return True

    def _modular_indexing(self, code: Code, expr: Any) -> bool:
        base, divisor, modulus = expr.args
        self._operands(code, (base, divisor), want_float=False)
        code.op("floordiv")
        self._as(code, modulus, False)
        code.op("mod")
        return False


_INFINITIES = (sympy.oo, -sympy.oo)
_NARY: dict[Any, tuple[str, str]] = {
    sympy.Add: ("add", "addf"),
    sympy.Mul: ("mul", "mulf"),
    (F.Max, sympy.Max): ("max", "maxf"),
    (F.Min, sympy.Min): ("min", "minf"),
    sympy.And: ("and", "and"),
    sympy.Or: ("or", "or"),
}
_BINARY: dict[Any, str] = {
    (F.FloorDiv, F.CleanDiv): "floordiv",
    (F.Mod, F.PythonMod, sympy.Mod): "mod",
    (F.IntTrueDiv, F.FloatTrueDiv): "divf",
    F.FloatPow: "powf",
    F.PowByNatural: "pow",
}
_FLOAT_OPS = {"divf", "powf"}
_FLOAT_RESULTS = {"divf", "powf"}
_ROUNDING: dict[Any, str] = {
    (F.CeilToInt, sympy.ceiling): "ceil",
    (F.FloorToInt, sympy.floor): "floor",
    (F.TruncToInt,): "trunc",
}
_SPECIAL: dict[str, Callable[[Encoder, Code, Any], bool]] = {
    "Pow": Encoder._power,
    "ToFloat": Encoder._to_float,
    "Identity": Encoder._inner,
    "Not": Encoder._not,
    "Piecewise": Encoder._piecewise,
    "Where": Encoder._piecewise,
    "OpaqueUnaryFn_sqrt": Encoder._root,
    "ModularIndexing": Encoder._modular_indexing,
    **dict.fromkeys(
        (
            "GreaterThan",
            "StrictGreaterThan",
            "LessThan",
            "StrictLessThan",
            "Equality",
            "Unequality",
        ),
        Encoder._relation,
    ),
}


def _unsupported(expr: Any) -> UserError:
    return UserError("symbol-unsupported", expr=expr, where="the model")
