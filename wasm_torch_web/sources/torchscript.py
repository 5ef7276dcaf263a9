"""A TorchScript archive in, a `Source` with a plain module of the same operators out."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch
from torch.export import ExportedProgram
from torch.fx.graph import _PyTreeCodeGen

from wasm_torch_web.sources.confined import confined
from wasm_torch_web.sources.objects import module_source
from wasm_torch_web.sources.source import Options, Source


def read(path: Path, options: Options) -> Source:
    """Converts the program, without running it, to a module that can be exported.

    Raises UserError source-damaged, pickle-refused (code that runs while it is loaded, operators
    that reach files), weights-suspicious, examples-missing, scripted-control-flow,
    training-program.
    """
    script = confined(path, options)
    module = _as_module(script.program, script.names)
    _restore_parameters(module, script.parameters)
    source = module_source(module, (script.args, {}), Options(), path.stem)
    source.ranges = script.ranges
    source.notices = ["TorchScript is a program: build it only if you trust where it comes from."]
    if script.training:
        source.notices.append("The module was in training mode; it is built in eval mode.")
    return source


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
