"""Programs in, what is wrong with them out: built as a user's, run on the wasm, beside PyTorch."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from support import fuzz_seeds
from support.cases import Plan, as_tensor, files_of
from support.wasm import outputs_on_wasm
from torch import Tensor

from fuzz.graphs.drawing import MOST, SIZES
from fuzz.graphs.module import Made, Result
from fuzz.graphs.program import Program, Sizes
from wasm_torch_web.compiler import arranged
from wasm_torch_web.errors import WtwError
from wasm_torch_web.pipeline import Prepared
from wasm_torch_web.progress import Line, Silent
from wasm_torch_web.request import Request
from wasm_torch_web.verify.compare import TOLERANCE, compare, excuse

# The first sizes once more: a session keeps what it was bound to.
RUNS: tuple[Sizes, ...] = (SIZES[0], SIZES[1], SIZES[0], *SIZES[2:])
THREADS = ("simd128-single", "simd128-threads")
SHAKEN = 1e-6  # relative, of every result: what roundings amount to
MOST_PLAN_BYTES = 12_000  # of a seed for the fuzzer in C++


@dataclass
class Verdict:
    """`fault` is what is wrong; `refusal` a code by which it was not built; `edges` names of
    operators of the table, each with one that reads its result."""

    fault: str | None = None
    refusal: str | None = None
    edges: set[str] = field(default_factory=set)


@dataclass
class _Built:
    plans: list[Plan]  # one of each run, all with the same file
    places: list[int]  # of the plan's outputs among the program's


def judged(programs: Sequence[Program]) -> list[Verdict]:
    """All in one process of Node for each number of threads."""
    verdicts = [Verdict() for _ in programs]
    built: dict[int, _Built] = {}
    for index, program in enumerate(programs):
        try:
            built[index] = _build(program, verdicts[index])
        except WtwError as error:
            if error.slug == "internal":
                verdicts[index].fault = f"a bug: {error}"
            else:
                verdicts[index].refusal = f"{error.code} {error.message[:90]}"
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__)[-3:])
            verdicts[index].fault = f"a bug: {where}{type(error).__name__}: {error}"[:2000]
    plans = [plan for one in built.values() for plan in one.plans]
    results = [iter(outputs_on_wasm(plans, variant)) for variant in THREADS] if plans else []
    for index, one in built.items():
        given = [[next(result) for _ in one.plans] for result in results]
        verdicts[index].fault = next(_faults(programs[index], one, *given), None)
    return verdicts


def _build(program: Program, verdict: Verdict) -> _Built:
    example = program.make(RUNS[0])
    dynamic = _dynamic(program)
    request = Request(Made(program), example, dynamic=dynamic, name="fuzz", version="0.0.0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = arranged(Prepared(request, Line(Silent())).compiled)
    graph = compiled.graph
    verdict.edges |= {
        f"{value.producer.row.name} {node.row.name}"
        for node in graph.nodes
        for value in node.inputs
        if value is not None and value.producer is not None
    }
    plan, weights = files_of(graph)
    places = [place for place, port in enumerate(graph.outputs) if not port.constant]
    eager = Made(program)
    plans = []
    for turn, sizes in enumerate(RUNS if dynamic else [RUNS[0]] * 2):
        args = program.make(sizes, turn)
        named = compiled.signature.flatten_inputs(args, {})
        given = [as_tensor(named[port.name]).clone() for port in graph.inputs]
        with torch.no_grad():
            results = [one.clone() for one in eager(*(one.clone() for one in args))]
        expected = [results[place].contiguous() for place in places]
        plans.append(
            Plan(f"run {turn} at {dict(sizes)}", plan, weights, given, expected, TOLERANCE)
        )
    return _Built(plans, places)


def plan_seed(program: Program) -> bytes | None:
    """What csrc/fuzz/plan.cc takes of it; None where it is not built, or too large."""
    try:
        return fuzz_seeds.seed(_build(program, Verdict()).plans[0], MOST_PLAN_BYTES)
    except WtwError:
        return None


def _dynamic(program: Program) -> list[str]:
    names = [f"given_{index}" for index in range(len(program.inputs))]
    return program.dynamic(names, MOST)


Given = Sequence[list[Tensor] | str]


def _faults(program: Program, built: _Built, alone: Given, threaded: Given) -> Iterator[str]:
    for turn, (plan, one, two) in enumerate(zip(built.plans, alone, threaded, strict=True)):
        if isinstance(one, str) or isinstance(two, str):
            if one != two or turn == 0:  # a guard may refuse other sizes than the example's
                yield f"{plan.name}: {one} alone, {two} with a helper"
            if any(call.operator == "stateful" for call in program.calls):
                return  # eager's state has moved on, the session's has not
            continue
        for place, a, b, expected in zip(built.places, one, two, plan.expected, strict=True):
            where = f"{plan.name}, output {place}"
            if not _same_bits(a, b):
                yield f"{where}: other bits with two threads"
            error = compare(where, expected, a)
            if not error.passed:
                exact = _exact(program, built, turn, place)
                if exact is not None:
                    error = excuse(error, expected, a, exact, times=2.0)
            if not error.passed and not _is_shaky(program, turn, place, expected):
                yield f"{where}: {error.max_abs:.3g} off, relative {error.max_rel:.3g} {error.note}"


def _same_bits(a: Tensor, b: Tensor) -> bool:
    return torch.equal(*(one.reshape(-1).view(torch.uint8) for one in (a, b)))


def _runs(program: Program, turn: int) -> list[tuple[Tensor, ...]]:
    sizes = RUNS if program.symbols else [RUNS[0]] * 2
    return [program.make(one, i) for i, one in enumerate(sizes[: turn + 1])]


def _exact(program: Program, built: _Built, turn: int, place: int) -> Tensor | None:
    """The output in float64, or None where the program cannot run so."""
    try:
        module = Made(program).double()
        with torch.no_grad():
            for args in _runs(program, turn):
                result = module(*(_wide(one) for one in args))
        return result[place]
    except Exception:
        return None


def _wide(x: Tensor) -> Tensor:
    return x.double() if x.dtype == torch.float32 else x.clone()


def _is_shaky(program: Program, turn: int, place: int, expected: Tensor) -> bool:
    """Whether PyTorch's own output moves where every result does so by a few roundings: the program
    has steps (`floor`, comparisons) just there, or small differences of large numbers."""
    generator = torch.Generator().manual_seed(0)

    def shake(index: int, result: Result) -> None:
        for one in result:
            if one.is_floating_point() and not one._is_view():
                one.mul_(1 + SHAKEN * torch.randn(one.shape, generator=generator).to(one.dtype))

    for _ in range(4):
        module = Made(program, shake)
        with torch.no_grad():
            for args in _runs(program, turn):
                result = module(*(one.clone() for one in args))
        error = compare("", expected, result[place])
        if not error.passed or error.max_rel > TOLERANCE / 10:
            return True
    return False
