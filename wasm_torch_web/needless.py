"""A lowered graph and eager PyTorch in, the graph without guards that a run proves needless out.

torch.export takes no size to be 0 or 1, so `x[1:]` of n rows leaves the guard `n - 1 != 1`. Whether
n = 2 is any different, both tell that have to agree: the graph, run row by row, and PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy
from torch import Tensor

from wasm_torch_web.format import writer
from wasm_torch_web.interpreter import Interpreter
from wasm_torch_web.ir import Graph, Symbol
from wasm_torch_web.verify.compare import compare
from wasm_torch_web.verify.reference import Flat, Reference
from wasm_torch_web.verify.trials import assignments, random_inputs

_SPECIALISED: dict[type[sympy.Basic], tuple[int, ...]] = {
    sympy.Ne: (0, 1),
    sympy.Ge: (2,),
    sympy.Gt: (1,),
}


def drop_needless_guards(graph: Graph, reference: Reference, example: Flat) -> None:
    """Drops guards that only refuse sizes at which the graph gives PyTorch's outputs.

    The sizes that are tried are those that verification will try in the browser as well.
    """
    known = {symbol.symbol: symbol for symbol in graph.symbols}
    unproven = {guard: _refused(guard, known) for guard in graph.guards}
    sure = [guard for guard, sizes in unproven.items() if sizes is None]
    doubts = {guard: sizes for guard, sizes in unproven.items() if sizes is not None}
    if not doubts:
        return
    graph.guards = sure
    manifest = writer.described(graph)
    for seed, (_, named) in enumerate(assignments(manifest, example)):
        sizes = {s.symbol: named[s.name] for s in graph.symbols if s.name in named}
        refusing = [guard for guard in doubts if guard.subs(sizes) == sympy.false]
        inputs = random_inputs(manifest, example, named, seed) if refusing else None
        if inputs is not None and _agree(graph, reference, inputs, sizes):
            for guard in refusing:
                doubts[guard] -= {sizes[symbol] for symbol in guard.free_symbols}
    graph.guards = [guard for guard in unproven if guard in sure or doubts[guard]]


def _refused(guard: sympy.Basic, known: Mapping[sympy.Basic, Symbol]) -> set[int] | None:
    """The sizes that a guard refuses, where these make something 0 or 1; None for other guards.

    Sizes only grow with their symbol: what is not negative at its least is never.
    """
    if len(guard.free_symbols) != 1 or guard.args[1] not in _SPECIALISED.get(type(guard), ()):
        return None
    (symbol,) = guard.free_symbols
    low, high = known[symbol].min, known[symbol].max
    size = guard.args[0]
    if low < 0 or (not isinstance(guard, sympy.Ne) and size.subs(symbol, low) < 0):
        return None
    try:
        found = {root for one in (0, 1) for root in sympy.Poly(size - one, symbol).ground_roots()}
    except sympy.PolynomialError:
        return None
    inside = {int(root) for root in found if root.is_Integer and low <= root <= high}
    return {root for root in inside if guard.subs(symbol, root) == sympy.false}


def _agree(
    graph: Graph, reference: Reference, inputs: Flat, sizes: Mapping[sympy.Symbol, int]
) -> bool:
    """Whether two runs in a row give the same (the second shows what the first left in states)."""
    interpreter = Interpreter(graph, sizes)
    try:
        expected = reference([inputs, inputs])
        given = [interpreter.run(inputs) for _ in expected]
    except Exception:  # whatever PyTorch, a lowering or a row may say against such a size
        return False
    drawn = {port.name for port in graph.outputs if port.drawn}
    return all(
        _alike(value, run[name]) if name in drawn else compare(name, value, run[name]).passed
        for outputs, run in zip(expected, given, strict=True)
        for name, value in outputs.items()
    )


def _alike(drawn: Tensor | float, given: Tensor | float) -> bool:
    """Of random numbers, what is the same in each run; sizes that they decide are not."""
    if isinstance(drawn, Tensor) and isinstance(given, Tensor):
        return drawn.dtype == given.dtype and drawn.dim() == given.dim()
    return type(drawn) is type(given)
