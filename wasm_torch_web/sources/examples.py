"""Example inputs of a module and the user's `--input`s in, the call (args, kwargs) out."""

from __future__ import annotations

from inspect import BoundArguments, Parameter, Signature

from wasm_torch_web.errors import UserError
from wasm_torch_web.sources.factory import Examples
from wasm_torch_web.sources.inputs import Input, parse_input
from wasm_torch_web.sources.source import Options

Ranges = dict[str, tuple[float, float]]

_NAMED = (
    Parameter.POSITIONAL_ONLY,
    Parameter.POSITIONAL_OR_KEYWORD,
    Parameter.KEYWORD_ONLY,
)


def bind(
    signature: Signature, examples: Examples | None, options: Options, path: object
) -> tuple[Examples, Ranges]:
    """The example call of a forward: each recorded input and then each `--input` replaces or adds
    the argument of its name.

    Raises UserError input-spec for a name that the signature lacks, examples-missing where an
    argument without a default stays open, examples-invalid where the examples do not fit.
    """
    named = {name for name, p in signature.parameters.items() if p.kind in _NAMED}
    recorded = {name: value for name, value in options.recorded.items() if name in named}
    if examples is None and not options.inputs and not recorded and signature.parameters:
        raise UserError("examples-missing", path=path)
    args, kwargs = examples or ((), {})
    inputs = [parse_input(spec) for spec in options.inputs]
    try:
        call = signature.bind_partial(*args, **kwargs)
        call.arguments |= recorded
        for given, spec in zip(inputs, options.inputs, strict=True):
            _insert(call, given, spec)
        names = [name for name in signature.parameters if name in call.arguments]
        call.arguments = {name: call.arguments[name] for name in names}
        call = signature.bind(*call.args, **call.kwargs)
    except TypeError as error:
        if "missing a required" in str(error):
            raise UserError("examples-missing", path=path, where=str(error)) from error
        raise UserError("examples-invalid", reason=error) from error
    ranges = {given.name: given.range for given in inputs if given.range is not None}
    return (call.args, call.kwargs), ranges


def _insert(call: BoundArguments, given: Input, spec: str) -> None:
    parameters = call.signature.parameters
    variadic = {p.kind: name for name, p in parameters.items() if p.kind not in _NAMED}
    if given.name in parameters and parameters[given.name].kind in _NAMED:
        call.arguments[given.name] = given.tensor
    elif name := variadic.get(Parameter.VAR_KEYWORD):
        call.arguments.setdefault(name, {})[given.name] = given.tensor
    elif name := variadic.get(Parameter.VAR_POSITIONAL):
        call.arguments[name] = (*call.arguments.get(name, ()), given.tensor)
    else:
        reason = f"there is no such input; they are {', '.join(parameters) or 'none'}"
        raise UserError("input-spec", spec=spec, reason=reason)
