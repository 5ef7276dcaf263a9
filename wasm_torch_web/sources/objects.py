"""A module or an exported program of Python in, a `Source` out."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.export import ExportedProgram

from wasm_torch_web.sources.examples import bind
from wasm_torch_web.sources.factory import Examples, normalise, preprocess_of
from wasm_torch_web.sources.source import Options, Source
from wasm_torch_web.sources.training import refuse_training


def from_module(module: torch.nn.Module, example_inputs: Any, options: Options) -> Source:
    """A module with examples in any form of the contract, or its own `example_inputs`."""
    if example_inputs is None:
        example_inputs = getattr(module, "example_inputs", None)
    examples = None if example_inputs is None else normalise(example_inputs)
    return module_source(module, examples, options, type(module).__name__)


def from_program(program: ExportedProgram, example_inputs: Any, options: Options) -> Source:
    """A program; examples replace those that it carries."""
    examples = None if example_inputs is None else normalise(example_inputs)
    return program_source(program, examples, options, "model")


def module_source(
    module: torch.nn.Module, examples: Examples | None, options: Options, name: str
) -> Source:
    """Puts the module into eval mode, with a notice, and binds the examples to its forward."""
    notices = []
    if any(child.training for child in module.modules()):
        module.eval()
        notices.append("The module was in training mode; it is built in eval mode.")
    signature = inspect.signature(module.forward)
    (args, kwargs), ranges = bind(signature, examples, options, options.model or name)
    preprocess = preprocess_of(module)
    return Source(
        "module", module, None, args, kwargs, name, ranges, notices, preprocess=preprocess
    )


def program_source(
    program: ExportedProgram, examples: Examples | None, options: Options, name: str
) -> Source:
    """Refuses programs captured in training mode; examples are the archive's unless given."""
    refuse_training(program)
    examples = examples or program.example_inputs
    source = Source("program", None, program, (), {}, name)
    if examples and not options.inputs:
        source.args, source.kwargs = tuple(examples[0]), dict(examples[1])
        return source
    signature = inspect.signature(source.eager.forward)
    (source.args, source.kwargs), source.ranges = bind(signature, examples, options, name)
    return source
