"""Sizes as Python writes them and the C++ core computes them, against sympy's own values."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.native import Failure, Library, NativeModel
from support.plans import Sections, instruction, sample
from torch.utils._sympy.functions import (
    CeilToInt,
    FloorDiv,
    IntTrueDiv,
    Max,
    Min,
    PythonMod,
    TruncToInt,
)

from wasm_torch_web.errors import ERRORS
from wasm_torch_web.format.plan import PlanWriter
from wasm_torch_web.format.weights import Segment
from wasm_torch_web.ir import Graph, Port, Symbol

A, B = SYMBOLS = sympy.symbols("a b", integer=True)
LIMIT = 2**63
TWICE, HALF = 9, 10  # outputs of support.plans.sample()
PLAN_INVALID = ERRORS["plan-invalid"].number
const = instruction("const")


def integer(value: int) -> tuple[bytes, bytes]:
    """Pushes an int."""
    return const, struct.pack("<q", value)


def real(value: float) -> tuple[bytes, bytes]:
    """Pushes a float."""
    return instruction("constf"), struct.pack("<d", value)


def evaluated(library: Library, expr: Any, values: tuple[int, int]) -> int | None:
    """What the core makes of the expression; None where it refuses."""
    graph = Graph(symbols=[Symbol(s, s.name, -(2**62), 2**62) for s in SYMBOLS])
    graph.inputs = [Port(s.name, "int", s) for s in SYMBOLS]
    graph.outputs = [Port("result", "int", expr)]
    writer = PlanWriter(Segment(io.BytesIO()))
    writer.program("forward", graph)
    return run(library, writer.finish(), b"", list(values), 1, 0)


def run(
    library: Library, plan: bytes, weights: bytes, inputs: list[Any], outputs: int, wanted: int
) -> Any:
    """An output, or None where the binding is refused."""
    model = NativeModel(library, plan, weights)
    try:
        return model.run(inputs, outputs)[wanted]
    except Failure as failure:
        assert failure.code == PLAN_INVALID
        return None
    finally:
        model.close()


def code(library: Library, *words: bytes, is_float: int = 0) -> Any:
    """What an output of that code is; None where it is refused."""
    import torch

    plan, weights = sample()
    sections = Sections(plan)
    port = HALF if is_float else TWICE
    sections.io[port].ref = sections.expr(*words, is_float=is_float)
    inputs = [torch.ones(2, 4), 3, 0, 0]
    return run(library, sections.pack(), weights, inputs, 8, port - 4)


def relations(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    kinds = (sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge, sympy.Eq, sympy.Ne)
    simple = st.builds(lambda kind, a, b: kind(a, b), st.sampled_from(kinds), children, children)
    both = st.builds(
        lambda kind, a, b: kind(a, b), st.sampled_from((sympy.And, sympy.Or)), simple, simple
    )
    return simple | both | st.builds(sympy.Not, simple)


def applied(kind: Any, a: Any, b: Any) -> Any:
    """`kind` of both; torch's functions divide at once where both are numbers."""
    try:
        return kind(a, b)
    except ZeroDivisionError:
        return a


def piecewise(condition: Any, a: Any, b: Any) -> Any:
    return sympy.Piecewise((a, condition), (b, True))


def larger(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    two = (sympy.Add, sympy.Mul, FloorDiv, PythonMod, Max, Min, lambda a, b: a - b)
    return (
        st.builds(applied, st.sampled_from(two), children, children)
        | st.builds(lambda a, n: a**n, children, st.integers(2, 3))
        | st.builds(
            lambda f, a, b: f(IntTrueDiv(a, b)),
            st.sampled_from((CeilToInt, TruncToInt)),
            children,
            st.sampled_from((2, 3, -4, 7)),
        )
        | st.builds(piecewise, relations(children), children, children)
    )


EXPRESSIONS = st.recursive(
    st.sampled_from(SYMBOLS) | st.integers(-6, 6).map(sympy.Integer), larger, max_leaves=16
)
NUMBERS = st.integers(-40, 40)


def parts(expr: Any, values: dict[Any, int]) -> Iterator[Any]:
    """The values of all parts of an expression, innermost last."""
    for part in sympy.preorder_traversal(expr):
        if isinstance(part, sympy.Expr):
            yield part.subs(values)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(EXPRESSIONS, NUMBERS, NUMBERS)
def test_the_core_agrees_with_sympy(library: Library, expr: Any, a: int, b: int) -> None:
    """A number where every part has one within 64 bits, else a refusal."""
    assume(not expr.has(sympy.ITE))  # sympy's own form of nested conditions
    values = {A: a, B: b}
    try:
        found = list(parts(expr, values))
        proper = all(part.is_number and part.is_finite and abs(part) < LIMIT for part in found)
    except ZeroDivisionError:
        proper = False
    given_value = evaluated(library, expr, (a, b))
    assert given_value == (int(found[0]) if proper else None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((*integer(2**63 - 1), *integer(1), instruction("add")), None),
        ((*integer(-(2**63)), *integer(1), instruction("sub")), None),
        ((*integer(2**62), *integer(2), instruction("mul")), None),
        ((*integer(-(2**63)), *integer(-1), instruction("floordiv")), None),
        ((*integer(-(2**63)), *integer(-1), instruction("mod")), None),
        ((*integer(7), *integer(0), instruction("floordiv")), None),
        ((*integer(7), *integer(0), instruction("mod")), None),
        ((*integer(3), *integer(40), instruction("pow")), None),
        ((*integer(3), *integer(-1), instruction("pow")), None),
        ((*integer(1), *integer(63), instruction("pow")), None),
        ((*integer(-2), *integer(62), instruction("pow")), 2**62),
        ((*integer(-7), *integer(2), instruction("floordiv")), -4),
        ((*integer(-7), *integer(2), instruction("mod")), 1),
        ((*integer(7), *integer(-2), instruction("mod")), -1),
        ((*real(1e19), instruction("floor")), None),
        ((*real(float("nan")), instruction("ceil")), None),
        ((*real(-2.5), instruction("trunc")), -2),
        ((*real(-2.5), instruction("floor")), -3),
        ((*real(2.5), instruction("ceil")), 3),
        ((*integer(0), *integer(5), *integer(6), instruction("select")), 6),
        ((*integer(4), *integer(5), *integer(6), instruction("select")), 5),
        ((*integer(4), *integer(0), instruction("and")), 0),
        ((*integer(4), *integer(0), instruction("or")), 1),
        ((*real(1), *real(2), instruction("ltf")), 1),
        ((*real(2), *real(2), instruction("lef")), 1),
        ((*real(2), *real(2), instruction("eqf")), 1),
        ((*integer(2), *integer(2), instruction("ne")), 0),
    ],
)
def test_ints(library: Library, words: tuple[bytes, ...], expected: int | None) -> None:
    assert code(library, *words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((*real(1), *real(0), instruction("divf")), None),
        ((*real(-1), instruction("sqrtf")), None),
        ((*real(9), instruction("sqrtf")), 3.0),
        ((*real(2), *real(0.5), instruction("powf")), 2**0.5),
        ((*real(2), *real(3), instruction("subf")), -1.0),
        ((*real(2), *real(3), instruction("addf")), 5.0),
        ((*real(2), *real(3), instruction("mulf")), 6.0),
        ((*real(2), *real(3), instruction("minf")), 2.0),
        ((*real(2), *real(3), instruction("maxf")), 3.0),
        ((*integer(7), instruction("tofloat"), *real(2), instruction("divf")), 3.5),
    ],
)
def test_floats(library: Library, words: tuple[bytes, ...], expected: float | None) -> None:
    assert code(library, *words, is_float=1) == expected


def test_the_deepest_stack(library: Library) -> None:
    """64 numbers at once; that 65 are refused is a case of the plan checker."""
    assert code(library, *integer(1) * 64, *[instruction("add")] * 63) == 64
