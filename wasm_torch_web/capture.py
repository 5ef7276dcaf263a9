"""torch.export: a module and example inputs in, an ExportedProgram with named dynamic axes out.

What stays whole is not a list of its own: every operator that the table has a lowering for is
taken out of torch's decomposition table.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import sympy
import torch
from torch import nn
from torch._ops import HigherOrderOperator
from torch.export import Dim as ExportDim
from torch.export import ExportedProgram, default_decompositions
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg
from torch.utils import _pytree as pytree
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import ValueRanges

from wasm_torch_web import recurrent_capture
from wasm_torch_web.axes import DynamicAxis, input_fakes, read_sizes
from wasm_torch_web.eager import try_eager
from wasm_torch_web.errors import UserError, summary
from wasm_torch_web.ops import LOWERINGS
from wasm_torch_web.signature import key_text


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
    try_eager(module, args, kwargs)
    shapes = _dynamic_shapes(module, args, kwargs, dynamic) if dynamic else None
    program: ExportedProgram = _export(module, args, kwargs, shapes)
    read_sizes(program, dynamic)
    return program


def decompose(program: ExportedProgram) -> ExportedProgram:
    """Core ATen, with what the operator table has kept whole.

    Errors: capture-failed.
    """
    _let_numbers_be_negative(program)
    _keep_ranges_of_symbols(program)
    _part_operands(program)
    _count_axes(program)
    table = default_decompositions()
    for op in list(table):
        if str(op) in LOWERINGS:
            table.pop(op)  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            decomposed: ExportedProgram = program.run_decompositions(table)
        except Exception as error:  # of PyTorch's own: nothing of ours runs in it
            reason = f"it cannot be decomposed: {summary(error)}"
            raise UserError("capture-failed", reason=reason) from error
        return decomposed


def _part_operands(program: ExportedProgram) -> None:
    """Operands of control flow that lie in the same memory are copies, as decomposing wants them:
    what a loop starts from may be what it closes over."""
    for module in program.graph_module.modules():
        if isinstance(module, GraphModule):
            for node in module.graph.nodes:
                if isinstance(node.target, HigherOrderOperator):
                    node.args = map_arg(node.args, _copies(node, set()))
            module.recompile()


def _copies(call: Node, taken: set[Any]) -> Callable[[Node], Node]:
    def part(operand: Node) -> Node:
        fake = operand.meta.get("val")
        if not isinstance(fake, torch.Tensor):
            return operand
        memory = fake.untyped_storage()._cdata
        if memory not in taken:
            taken.add(memory)
            return operand
        with call.graph.inserting_before(call):
            copy = call.graph.call_function(torch.ops.aten.clone.default, (operand,))
        copy.meta = {**call.meta, "val": fake.clone()}
        return copy

    return part


def _count_axes(program: ExportedProgram) -> None:
    """PyTorch infers wrong shapes for distinct lines along axes that count from the last one."""
    for node in program.graph.nodes:
        if str(node.target) in ("aten.unique_dim.default", "aten.unique_consecutive.default"):
            names = [argument.name for argument in node.target._schema.arguments]
            given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
            x = given.pop("self")
            if given.get("dim") is not None:
                given["dim"] %= x.meta["val"].dim()
                node.args, node.kwargs = (x,), given


def _let_numbers_be_negative(program: ExportedProgram) -> None:
    """Dynamic ints are captured without bounds, but recorded as sizes, from 0: decompositions would
    simplify with that. A bound that the model's code needs is among the guards."""
    for fake in input_fakes(program).values():
        if isinstance(fake, torch.SymInt) and isinstance(fake.node.expr, sympy.Symbol):
            ranges = fake.node.shape_env.var_to_range
            known = ranges[fake.node.expr]
            if known.lower == 0:
                ranges[fake.node.expr] = ValueRanges(-int_oo, known.upper)


def _keep_ranges_of_symbols(program: ExportedProgram) -> None:
    """An archive that was read back has ranges of expressions too (`2*T + 1`), at which torch's
    decompositions stumble; they follow from the symbols'."""
    for fake in input_fakes(program).values():
        mode = getattr(fake, "fake_mode", None)
        if mode is not None and mode.shape_env is not None:
            ranges = mode.shape_env.var_to_range
            for key in [key for key in ranges if not isinstance(key, sympy.Symbol)]:
                del ranges[key]


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
        # A range of 1..2 would leave one size that torch.export looks at, and so a fixed one.
        dim = ExportDim.DYNAMIC(min=axis.min, max=max(axis.max, 3))
        wanted.setdefault(id(leaf), {})[axis.axis] = dim

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
