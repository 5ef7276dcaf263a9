"""A TorchScript archive in, a torch.export archive of the same operators out: a process.

TorchScript is a program, and torch reads it with parsers and an interpreter in C++ that nobody has
hardened. What crashes, hangs or takes all memory there ends this process alone (`confined`).
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from collections.abc import Iterator
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

import torch
from torch._export.converter import TS2EPConverter
from torch.export import ExportedProgram

from wasm_torch_web.errors import UserError, WtwError, summary
from wasm_torch_web.sources.confined import ARGUMENTS, ASKED, FACTS, PROGRAM, RECORDED
from wasm_torch_web.sources.detect import Kind
from wasm_torch_web.sources.examples import bind
from wasm_torch_web.sources.source import Options
from wasm_torch_web.sources.tensors import check_tensors
from wasm_torch_web.sources.training import refuse_training

# Of address space, besides eight times the file: Python and torch themselves take one.
GIBIBYTES = 6
# Operators that reach out of the program: a file, the terminal's Python, another process.
_FORBIDDEN = (
    *("aten::save", "aten::from_file", "prim::PythonOp"),
    *("prim::rpc_async", "prim::rpc_sync", "prim::rpc_remote"),
)
_CONTROL = ("prim::If", "prim::Loop")
_OPEN = Parameter.empty


def main(folder: Path) -> None:
    """The folder says what to convert and gets the answer."""
    asked = json.loads((folder / ASKED).read_text())
    path = Path(asked["path"])
    limit_memory((GIBIBYTES << 30) + 8 * path.stat().st_size)
    for module in asked["imports"]:
        importlib.import_module(module)
    recorded = torch.load(folder / RECORDED, weights_only=True)
    options = Options(
        inputs=tuple(asked["inputs"]), trust_pickle=asked["trust_pickle"], recorded=recorded
    )
    try:
        facts = convert(path, options, folder)
    except WtwError as error:
        facts = {"error": error.told}
    (folder / FACTS).write_text(json.dumps(facts))


def limit_memory(most: int) -> None:
    """Bytes of address space, where the system has such a limit."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def convert(path: Path, options: Options, folder: Path) -> dict[str, Any]:
    """The errors of `torchscript.read`; the program and its arguments go into the folder."""
    script = _load(path, options.trust_pickle)
    was_training = any(module.training for module in script.modules())
    check_tensors(path, script.state_dict(), path.stat().st_size)
    script.eval()
    signature = _signature(script)
    (given, _), ranges = bind(signature, None, options, path)
    call = signature.bind(*given)
    call.apply_defaults()  # the converter takes them as inputs like others
    args = call.args
    program = _program(path, script, args)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, folder / PROGRAM)
    torch.save(args, folder / ARGUMENTS)
    return {
        "names": list(signature.parameters),
        "parameters": [name for name, _ in script.named_parameters()],
        "training": was_training,
        "ranges": ranges,
    }


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


def _program(path: Path, script: Any, args: tuple[Any, ...]) -> ExportedProgram:
    """Branches on flags and ranks are decided here; those on sizes leave guards in the program."""
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
    return program


if __name__ == "__main__":
    main(Path(sys.argv[1]))
