"""torch.export: a module and example inputs in, an ExportedProgram with named dynamic axes out.

What stays whole is not a list of its own: every operator that the table has a lowering for is
taken out of torch's decomposition table.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch import nn
from torch.export import Dim as ExportDim
from torch.export import ExportedProgram, default_decompositions
from torch.utils import _pytree as pytree

from wasm_torch_web import recurrent_capture
from wasm_torch_web.errors import UserError, summary
from wasm_torch_web.ir import Symbol
from wasm_torch_web.ops import LOWERINGS
from wasm_torch_web.signature import key_text


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
    r"(?P<input>.+)\.(?P<axis>\d+)=(?:(?P<symbol>[A-Za-z_]\w*):)?(?P<min>\d+)\.\.(?P<max>\d+)"
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
    if not 0 <= low <= high < 2**31:
        reason = f"{low}..{high} is empty"
        raise UserError("dynamic-spec", spec=spec, reason=reason, inputs=_LISTED)
    return DynamicAxis(match["input"], int(match["axis"]), low, high, match["symbol"])


def export_module(
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dynamic: Sequence[DynamicAxis] = (),
) -> ExportedProgram:
    """Captures `module.eval()`; every axis asked for is dynamic in the result.

    Errors: model-failed, capture-failed, axis-specialised, dynamic-spec, hidden-state,
    packed-sequence.
    """
    module.eval()
    # Copies, so that one tensor given for two inputs is two leaves with axes of their own.
    args, kwargs = pytree.tree_map_only(torch.Tensor, torch.clone, (args, kwargs))
    args, kwargs = _widen(module, args, kwargs, dynamic)
    _try(module, args, kwargs)
    shapes = _dynamic_shapes(module, args, kwargs, dynamic) if dynamic else None
    program: ExportedProgram = _export(module, args, kwargs, shapes)
    symbols(program, dynamic)
    return program


def decompose(program: ExportedProgram) -> ExportedProgram:
    """Core ATen, with what the operator table has kept whole."""
    table = default_decompositions()
    for op in list(table):
        if str(op) in LOWERINGS:
            table.pop(op)  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decomposed: ExportedProgram = program.run_decompositions(table)
        return decomposed


@dataclass(frozen=True)
class Sizes:
    """The free sizes of a program: `symbols` under public names, and `ties`: symbols that the user
    gave one name although torch.export found no reason, each to the one that stands for it."""

    symbols: list[Symbol]
    ties: dict[sympy.Symbol, sympy.Symbol]


def symbols(program: ExportedProgram, dynamic: Sequence[DynamicAxis] = ()) -> Sizes:
    """The program's free sizes; axes that guards tie take the first one's name.

    Errors: axis-specialised.
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
    for name, fake in fakes.items():
        for index, expr in _free_sizes(fake):
            for symbol in sorted(expr.free_symbols, key=str):
                if symbol not in found and symbol not in ties:
                    label = name if index is None else f"{name}_{index}"
                    low = -_LIMIT if index is None else 0  # numbers may be negative, sizes not
                    found[symbol] = Symbol(symbol, label, *_tightened(program, symbol, low, _LIMIT))
    return Sizes(list(found.values()), ties)


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


_LIMIT = 2**31 - 1


def _tightened(
    program: ExportedProgram, symbol: sympy.Symbol, low: int, high: int
) -> tuple[int, int]:
    """The range asked for, less what torch.export found impossible."""
    bounds = program.range_constraints.get(symbol)
    if bounds is None:
        return low, high
    lower = int(bounds.lower) if bounds.lower > -_LIMIT else low
    upper = int(bounds.upper) if bounds.upper < _LIMIT else high
    # torch.export never sees sizes 0 and 1, so its lower bound of 2 says nothing about 1.
    if lower == 2:
        lower = 0 if low else 1
    return max(low, lower), min(high, upper)


def _free_sizes(fake: Any) -> list[tuple[int | None, sympy.Expr]]:
    if isinstance(fake, torch.SymInt):
        return [(None, fake.node.expr)]
    if not isinstance(fake, torch.Tensor):
        return []
    return [
        (index, size.node.expr)  # type: ignore[attr-defined]
        for index, size in enumerate(fake.shape)
        if isinstance(size, torch.SymInt)
    ]


def input_fakes(program: ExportedProgram) -> dict[str, Any]:
    """The user's inputs by name, as fake tensors and symbolic numbers."""
    users = set(program.graph_signature.user_inputs)
    return {
        node.name: node.meta.get("val")
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in users
    }


def _try(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Runs the module twice: what fails in eager mode is not torch.export's fault, and a module
    that answers differently the second time has state that an export would lose."""
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    attributes = _plain_attributes(module)
    first = _run_once(module, args, kwargs, buffers)
    changed = _changed(attributes, _plain_attributes(module))
    if not changed:
        return
    second = _run_once(module, args, kwargs, buffers)
    if not _same(first, second):
        raise UserError("hidden-state", attribute=changed[0])


def _run_once(
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    buffers: dict[str, torch.Tensor],
) -> list[Any]:
    """The flattened outputs of a run on copies of the inputs; buffers are put back."""
    args, kwargs = pytree.tree_map_only(torch.Tensor, torch.clone, (args, kwargs))
    try:
        with torch.no_grad():
            return list(pytree.tree_flatten(module(*args, **kwargs))[0])
    except Exception as error:
        raise UserError("model-failed", reason=summary(error)) from error
    finally:
        with torch.no_grad():
            for name, buffer in module.named_buffers():
                if name in buffers and buffer.shape == buffers[name].shape:
                    buffer.copy_(buffers[name])


def _plain_attributes(module: nn.Module) -> dict[str, Any]:
    """Plain attributes of every submodule: what a forward may have left behind."""
    return {
        f"{path}.{name}".lstrip("."): value
        for path, child in module.named_modules()
        for name, value in vars(child).items()
        if name != "training" and name not in ("_parameters", "_buffers", "_modules")
    }


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [name for name, value in after.items() if before.get(name, _changed) is not value]


def _same(first: list[Any], second: list[Any]) -> bool:
    pairs = list(zip(first, second, strict=False))
    return len(first) == len(second) and all(
        torch.equal(a.nan_to_num(), b.nan_to_num()) if isinstance(a, torch.Tensor) else a == b
        for a, b in pairs
    )


def _export(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: Any) -> Any:
    try:
        with recurrent_capture.keep_recurrent_whole(), warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return torch.export.export(module, args, kwargs, dynamic_shapes=shapes, strict=False)
    except UserError:
        raise
    except Exception as error:
        match = _SPECIALISED.search(str(error))
        if match is None:
            raise UserError("capture-failed", reason=summary(error)) from error
        raise UserError(
            "axis-specialised",
            axis=f"{match['input']}.{match['axis']}",
            value=match["value"],
            reason="torch.export found code that only works for this size",
        ) from error


# torch.export's words for an axis that did not stay dynamic.
_SPECIALISED = re.compile(
    r"marked L\['(?P<input>\w+)'\](?P<path>\S*)\.size\(\)\[(?P<axis>\d+)\] as dynamic "
    r"but your code specialized it to be a constant \((?P<value>\d+)\)"
)


def _names(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Top-level arguments by the names that torch.export gives them."""
    parameters = inspect.signature(module.forward).bind(*args, **kwargs)
    return dict(parameters.arguments)


def _flat_names(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Leaves by the name of the exported program's input: the path joined with `_`."""
    named: dict[str, Any] = {}
    bound = _names(module, args, kwargs)
    spec = inspect.signature(module.forward).parameters
    for name, argument in bound.items():
        if spec[name].kind is inspect.Parameter.VAR_KEYWORD:
            for key, item in argument.items():
                _flatten(key, item, named)
            continue
        _flatten(name, argument, named)
    return named


def _flatten(name: str, tree: Any, named: dict[str, Any]) -> None:
    for path, leaf in pytree.tree_flatten_with_path(tree)[0]:
        named["_".join([name, *map(key_text, path)])] = leaf


def _dynamic_shapes(
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dynamic: Sequence[DynamicAxis],
) -> Any:
    """The `dynamic_shapes` argument: the tree of the inputs with a dict of axes at each tensor."""
    named = _flat_names(module, args, kwargs)
    wanted: dict[int, dict[int, Any]] = {}
    for axis in dynamic:
        leaf = named.get(axis.input)
        reason = _misfit(axis, leaf)
        if reason is not None:
            spec = f"{axis.input}.{axis.axis}"
            raise UserError("dynamic-spec", spec=spec, reason=reason, inputs=", ".join(named))
        wanted.setdefault(id(leaf), {})[axis.axis] = ExportDim.DYNAMIC(min=axis.min, max=axis.max)

    def shape(leaf: Any) -> Any:
        return wanted.get(id(leaf), {}) if isinstance(leaf, torch.Tensor) else None

    bound = _names(module, args, kwargs)
    return {name: pytree.tree_map(shape, argument) for name, argument in bound.items()}


def _misfit(axis: DynamicAxis, leaf: Any) -> str | None:
    """Why the example, as `_widen` left it, has no such axis with a size in the range."""
    if not isinstance(leaf, torch.Tensor):
        return f"there is no tensor input {axis.input}"
    if not 0 <= axis.axis < leaf.dim():
        return f"{axis.input} has {leaf.dim()} axes"
    size = leaf.shape[axis.axis]
    if not axis.min <= size <= axis.max and size != 2:  # 2 may have been 1
        return f"the example's size {size} is outside the range"
    return None


def _widen(
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dynamic: Sequence[DynamicAxis],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Examples of size 1 on a dynamic axis, repeated to 2: torch.export fixes sizes 0 and 1."""
    if not dynamic:
        return args, kwargs
    named = _flat_names(module, args, kwargs)
    replacement: dict[int, torch.Tensor] = {}
    for axis in dynamic:
        leaf = named.get(axis.input)
        if not isinstance(leaf, torch.Tensor) or not 0 <= axis.axis < leaf.dim():
            continue
        current = replacement.get(id(leaf), leaf)
        if current.shape[axis.axis] == 1 and axis.max >= 2:
            replacement[id(leaf)] = current.repeat_interleave(2, axis.axis)
    args, kwargs = pytree.tree_map(lambda leaf: replacement.get(id(leaf), leaf), (args, kwargs))
    return tuple(args), kwargs
