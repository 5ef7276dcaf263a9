"""Samples of an operator in, plans for the shipped wasm out; and what is wrong with the others."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from support.cases import TOLERANCE, Plan, as_tensor, fault, files_of
from support.wasm import outputs_on_wasm
from torch import Tensor
from torch.export import ExportedProgram
from torch.testing._internal.common_device_type import precisionOverride, toleranceOverride
from torch.testing._internal.opinfo.core import DecorateInfo

from sweep.samples import Calls, Entry, Sample, outputs
from sweep.truth import HALVES, as_near_as_pytorch
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.errors import WtwError
from wasm_torch_web.recurrent_capture import keep_recurrent_whole

Numbered = tuple[int, Sample]  # a sample and its place in the database's list
Faults = dict[int, str]  # by that place
NOT_CAPTURED = "stock torch.export does not capture it"
TOLERANCE_OF_DOUBLE = 1e-10


def faults(programs: Sequence[tuple[str, float, Sequence[Numbered]]]) -> Faults:
    """What is wrong with which samples of programs (name, tolerance, samples): all of them in one
    process of Node; those of a program that is wrong once more, one by one."""
    found, again = _run(programs)
    wrong, _ = _run(again)
    return dict(sorted((found | wrong).items()))


def _run(
    programs: Sequence[tuple[str, float, Sequence[Numbered]]],
) -> tuple[Faults, list[tuple[str, float, Sequence[Numbered]]]]:
    found: Faults = {}
    made: list[tuple[Plan, Sequence[Numbered]]] = []
    for name, allowed, samples in programs:
        more, wrong = plans(name, allowed, samples)
        made += more
        found |= wrong
    given = outputs_on_wasm([plan for plan, _ in made]) if made else []
    again: list[tuple[str, float, Sequence[Numbered]]] = []
    for (plan, members), results in zip(made, given, strict=True):
        wrong = results if isinstance(results, str) else fault(plan, results)
        if wrong is None:
            continue
        if len(members) > 1:
            again += [(plan.name, plan.tolerance, [one]) for one in members]
        elif isinstance(results, str) or not _as_near(members[0][1], results, plan):
            found[members[0][0]] = wrong
    return found, again


def _as_near(sample: Sample, given: Sequence[Tensor], plan: Plan) -> bool:
    """Of half precision: as near to the truth as PyTorch."""
    halves = any(one.dtype in HALVES for one in plan.expected)
    return halves and as_near_as_pytorch(sample, given, plan.expected)


def plans(
    name: str, tolerance: float, samples: Sequence[Numbered]
) -> tuple[list[tuple[Plan, Sequence[Numbered]]], Faults]:
    """All samples in one program; where that cannot be built, the halves apart."""
    try:
        return [(_plan(name, tolerance, samples), samples)], {}
    except Exception as error:
        if len(samples) == 1:
            return [], {samples[0][0]: refusal(error)}
    half = len(samples) // 2
    first, wrong = plans(name, tolerance, samples[:half])
    second, more = plans(name, tolerance, samples[half:])
    return first + second, wrong | more


def refusal(error: Exception) -> str:
    """A coded error is an answer; anything else, and `internal`, is a bug."""
    if isinstance(error, _NotCaptured):
        return NOT_CAPTURED
    if isinstance(error, WtwError) and error.slug != "internal":
        return f"refused: {error}"
    return f"bug: {type(error).__name__}: {error}".splitlines()[0]


def _plan(name: str, tolerance: float, samples: Sequence[Numbered]) -> Plan:
    module = Calls([sample for _, sample in samples]).eval()
    with warnings.catch_warnings(), torch.no_grad(), keep_recurrent_whole():
        warnings.simplefilter("ignore")
        compiled = compile_program(_captured(module))
        results = outputs(module(*(tensor.clone() for tensor in module.tensors)))
    expected = []
    for port, (_, leaf) in zip(compiled.graph.outputs, results, strict=True):
        if not port.constant:
            expected.append(as_tensor(leaf))
        elif port.value != leaf:
            raise AssertionError(f"{port.name} is {port.value} instead of {leaf}")
    plan, weights = files_of(compiled.graph)
    name = f"{name} {samples[0][0]}"
    return Plan(name, plan, weights, list(module.tensors), expected, tolerance)


class _NotCaptured(Exception):
    """torch.export fails."""


def _captured(module: Calls) -> ExportedProgram:
    try:
        return torch.export.export(module, module.tensors, strict=False)
    except Exception as error:
        raise _NotCaptured from error


def tolerance(entry: Entry, dtype: torch.dtype) -> float:
    """This project's; where PyTorch's own table has a wider one for the operator, that. float64 is
    computed as such."""
    widest = TOLERANCE_OF_DOUBLE if dtype == torch.float64 else TOLERANCE
    for decorator in entry.info.decorators or ():
        inner = decorator.decorators if isinstance(decorator, DecorateInfo) else [decorator]
        for one in inner:
            if isinstance(one, toleranceOverride) and dtype in one.d:
                widest = max(widest, one.d[dtype].atol, one.d[dtype].rtol)
            elif isinstance(one, precisionOverride) and dtype in one.d:
                widest = max(widest, one.d[dtype])
    return widest
