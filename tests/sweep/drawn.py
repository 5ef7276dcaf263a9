"""Samples that draw random numbers in; which of them draw from another distribution than PyTorch's
on the shipped wasm out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import torch
from support.cases import Plan, files_of
from support.wasm import outputs_on_wasm

from sweep.programs import Faults, Numbered, refusal
from sweep.samples import Calls, Sample, outputs
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.verify.drawn import RUNS, compare_drawn

# What the database wraps random operators in, so that each call draws the same.
SEEDING = "torch.testing._internal.common_methods_invocations.wrapper_set_seed"


def _call(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return op(*args, **kwargs)


def drawn_faults(name: str, samples: Sequence[Numbered]) -> Faults:
    """What is wrong with which samples: each is called RUNS times in a program of its own."""
    found: Faults = {}
    plans: list[tuple[int, Plan]] = []
    for index, sample in samples:
        try:
            plans.append((index, _plan(f"{name} {index}", sample)))
        except Exception as error:
            found[index] = refusal(error)
    results = outputs_on_wasm([plan for _, plan in plans]) if plans else []
    for (index, plan), given in zip(plans, results, strict=True):
        text = given if isinstance(given, str) else _difference(plan.expected, given)
        if text:
            found[index] = text
    return dict(sorted(found.items()))


def _plan(name: str, sample: Sample) -> Plan:
    """A plan of RUNS calls, and what they give in PyTorch."""
    module = Calls([sample] * RUNS).eval()
    inputs = tuple(tensor.clone() for tensor in module.tensors)  # calls may change theirs
    with warnings.catch_warnings(), torch.no_grad(), mock.patch(SEEDING, _call):
        warnings.simplefilter("ignore")
        program = torch.export.export(module, inputs, strict=False)
        expected = [leaf for _, leaf in outputs(module(*(t.clone() for t in inputs)))]
    graph = compile_program(program).graph
    plan, weights = files_of(graph)
    return Plan(name, plan, weights, list(module.tensors), expected, 0.0)


def _difference(expected: Sequence[torch.Tensor], given: Sequence[torch.Tensor]) -> str:
    """What is wrong, or nothing; the outputs of each call follow each other."""
    leaves = len(expected) // RUNS
    errors = [compare_drawn("", expected[at::leaves], given[at::leaves]) for at in range(leaves)]
    return "; ".join(error.note for error in errors if not error.passed)
