"""Names of a program's inputs and outputs: an ExportedProgram in, ordered ports out.

The rules are the package's contract: one returned tensor is `output`, a tuple `output_0` ..., a
dict or dataclass its keys, nested ones join their path with `_`; None is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind
from torch.utils import _pytree as pytree

from wasm_torch_web.errors import UserError

Number = int | float | bool


@dataclass(frozen=True)
class Slot:
    """One leaf of the program's arguments or results: `index` in the flattened tree."""

    name: str
    index: int


@dataclass(frozen=True)
class Signature:
    """Flattens what PyTorch takes and gives into named tensors and numbers.

    `constants` are numbers and booleans among the inputs that torch.export fixed to the example's.
    """

    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    in_spec: pytree.TreeSpec
    out_spec: pytree.TreeSpec
    constants: dict[str, Number]

    def flatten_inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Named inputs of a call, constants left out."""
        kwargs = _ordered(kwargs, self.in_spec)
        leaves = pytree.tree_flatten((args, kwargs))[0]
        return {slot.name: leaves[slot.index] for slot in self.inputs}

    def unflatten(
        self, named: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call (args, kwargs) with its named leaves replaced."""
        leaves, spec = pytree.tree_flatten((args, _ordered(kwargs, self.in_spec)))
        for slot in self.inputs:
            leaves[slot.index] = named[slot.name]
        args, kwargs = pytree.tree_unflatten(leaves, spec)
        return tuple(args), kwargs

    def flatten_outputs(self, result: Any) -> dict[str, Any]:
        """Named outputs of a call."""
        leaves = pytree.tree_flatten(result)[0]
        return {slot.name: leaves[slot.index] for slot in self.outputs}


def _ordered(kwargs: dict[str, Any], spec: pytree.TreeSpec) -> dict[str, Any]:
    """Keyword arguments in the order that the program was exported with."""
    keys = spec.child(1).context or []
    return {key: kwargs[key] for key in keys if key in kwargs}


def read(program: ExportedProgram) -> Signature:
    """The signature of an exported program.

    Errors: name-collision, io-type-unsupported.
    """
    specs = program.graph_signature.input_specs
    arguments = [spec.arg for spec in specs if spec.kind == InputKind.USER_INPUT]
    inputs = [
        Slot(argument.name, index)
        for index, argument in enumerate(arguments)
        if not isinstance(argument, ConstantArgument)
    ]
    constants = {
        argument.name: argument.value
        for argument in arguments
        if isinstance(argument, ConstantArgument) and isinstance(argument.value, (int, float))
    }
    outputs = _outputs(program)
    for what, slots in (("inputs", inputs), ("outputs", outputs)):
        names = [slot.name for slot in slots]
        for name in names:
            if names.count(name) > 1:
                raise UserError("name-collision", what=what, name=name)
    spec = program.call_spec
    return Signature(tuple(inputs), tuple(outputs), spec.in_spec, spec.out_spec, constants)


def _outputs(program: ExportedProgram) -> list[Slot]:
    out_spec = program.call_spec.out_spec
    tree = pytree.tree_unflatten(list(range(out_spec.num_leaves)), out_spec)
    leaves = [
        spec.arg
        for spec in program.graph_signature.output_specs
        if spec.kind == OutputKind.USER_OUTPUT
    ]
    slots = []
    for path, index in pytree.tree_flatten_with_path(tree)[0]:
        leaf = leaves[index]
        if isinstance(leaf, ConstantArgument) and leaf.value is None:
            continue
        name = _name(path)
        if isinstance(leaf, ConstantArgument) and not isinstance(leaf.value, (int, float)):
            raise UserError(
                "io-type-unsupported", what="output", name=name, type=type(leaf.value).__name__
            )
        slots.append(Slot(name, index))
    return slots


def _name(path: tuple[Any, ...]) -> str:
    parts = [key_text(key) for key in path]
    if not path or isinstance(path[0], pytree.SequenceKey):
        parts.insert(0, "output")
    return "_".join(parts)


def key_text(key: Any) -> str:
    """What stands in the brackets or after the dot of one step of a path."""
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)
