"""A TorchScript archive in, a `Source` with a plain module of the same operators out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

import torch
from torch._export.converter import TS2EPConverter
from torch.export import ExportedProgram
from torch.fx.graph import _PyTreeCodeGen

from wasm_torch_web.errors import UserError, summary
from wasm_torch_web.sources.detect import Kind
from wasm_torch_web.sources.examples import bind
from wasm_torch_web.sources.objects import module_source
from wasm_torch_web.sources.source import Options, Source
from wasm_torch_web.sources.tensors import check_tensors
from wasm_torch_web.sources.training import refuse_training

# Operators that reach out of the program: a file, the terminal's Python, another process.
_FORBIDDEN = (
    *("aten::save", "aten::from_file", "prim::PythonOp"),
    *("prim::rpc_async", "prim::rpc_sync", "prim::rpc_remote"),
)
_CONTROL = ("prim::If", "prim::Loop")
_OPEN = Parameter.empty


def read(path: Path, options: Options) -> Source:
    """Loads the program without running it, and converts it to a module that can be exported.

    Raises UserError source-damaged, pickle-refused (code that runs while it is loaded, operators
    that reach files),
    weights-suspicious, examples-missing, scripted-control-flow, training-program.
    """
    script = _load(path, options.trust_pickle)
    was_training = any(module.training for module in script.modules())
    check_tensors(path, script.state_dict(), path.stat().st_size)
    script.eval()
    signature = _signature(script)
    (args, _), ranges = bind(signature, None, options, path)
    module = _convert(path, script, args, list(signature.parameters))
    source = module_source(module, (args, {}), Options(), path.stem)
    source.ranges = ranges
    source.notices = ["TorchScript is a program: build it only if you trust where it comes from."]
    if was_training:
        source.notices.append("The module was in training mode; it is built in eval mode.")
    return source


def _load(path: Path, trust: bool) -> Any:
    try:
        if not trust and _sets_state(path):
            reason = "its __setstate__ runs while it is loaded"
            raise UserError("pickle-refused", path=path, reason=reason)
        script = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        kind = Kind.TORCHSCRIPT.value
        raise UserError("source-damaged", path=path, kind=kind, reason=summary(error)) from error
    reaching = sorted(_kinds(script).intersection(_FORBIDDEN))
    if reaching and not trust:
        raise UserError("pickle-refused", path=path, reason=f"it calls {', '.join(reaching)}")
    return script


def _sets_state(path: Path) -> bool:
    """Whether loading would run a method. Asks the reader that loads later, so that both see the
    same bytes; it finds parts whatever the case of their names."""
    reader = torch._C.PyTorchFileReader(str(path))
    sources = [name for name in reader.get_all_records() if name.lower().endswith(".py")]
    return any(b"__setstate__" in reader.get_record(name) for name in sources)


def _kinds(script: Any) -> set[str]:
    """The operators of every method of every submodule, and of what they call."""
    methods = [
        module._c._get_method(name)
        for module in script.modules()
        for name in module._c._method_names()
    ]
    return {node.kind() for method in methods for node in _nodes(method.inlined_graph)}


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _signature(script: Any) -> Signature:
    """The signature of the script's forward, without self; it takes everything by position."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    return Signature(
        [
            Parameter(a.name, kind, default=a.default_value if a.has_default_value() else _OPEN)
            for a in script.forward.schema.arguments[1:]
        ]
    )


def _convert(path: Path, script: Any, args: tuple[Any, ...], names: list[str]) -> torch.nn.Module:
    """Branches on flags and ranks are decided here; those on sizes leave guards in the module."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # buffers that are not used
            program = TS2EPConverter(script, args, {}).convert()
    except Exception as error:
        if control := sorted(_kinds(script).intersection(_CONTROL)):
            reason = ", ".join(control)
            raise UserError("scripted-control-flow", path=path, reason=reason) from error
        reason = f"TorchScript that torch cannot convert ({summary(error)})"
        raise UserError("capture-failed", reason=reason) from error
    if branches := [node.name for node in program.graph.nodes if node.op == "get_attr"]:
        raise UserError("scripted-control-flow", path=path, reason=branches[0])
    refuse_training(program)
    module = _as_module(program, names)
    _restore_parameters(module, [name for name, _ in script.named_parameters()])
    return module


def _restore_parameters(module: torch.nn.Module, names: list[str]) -> None:
    """The converter makes buffers of all parameters."""
    for name in names:
        owner, _, leaf = name.rpartition(".")
        with suppress(AttributeError):  # a parameter that forward does not use
            holder = module.get_submodule(owner)
            data = holder.get_buffer(leaf).detach()
            del holder._buffers[leaf]
            holder.register_parameter(leaf, torch.nn.Parameter(data, requires_grad=False))


def _as_module(program: ExportedProgram, names: list[str]) -> torch.nn.Module:
    """A module of its own class (a program's cannot be put into eval mode), whose forward has the
    script's argument names instead of `image_1`."""
    module = program.module()
    assert isinstance(module, torch.fx.GraphModule)
    codegen = module.graph._codegen
    assert isinstance(codegen, _PyTreeCodeGen)
    module.graph.set_codegen(_PyTreeCodeGen(codegen.pytree_info._replace(orig_args=names)))
    return torch.fx.GraphModule(module, module.graph, "TorchScript").eval()
