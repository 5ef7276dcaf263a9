"""Bindings, state, memory and threads of a session, on the native build."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from checking import ROOT, lines
from plan_cases import zero_state
from support.native import ALL_NODES, Failure, Library, NativeModel
from support.plans import Sections, counting, instruction, sample

from wasm_torch_web.errors import ERRORS

C, VALUES, INDICES, Z, COUNTED, TWICE, HALF, MANY = range(8)  # outputs
HUGE = 1 << 41


@pytest.fixture
def model(library: Library) -> Iterator[NativeModel]:
    made = NativeModel(library, *sample())
    yield made
    made.close()


def edited(library: Library, edit: Callable[[Sections], Any]) -> NativeModel:
    """The sample with some records changed; still a plan that parses."""
    plan, weights = sample()
    sections = Sections(plan)
    edit(sections)
    return NativeModel(library, sections.pack(), weights)


def inputs(rows: int, n: int = 3, seed: int = 0) -> list[Any]:
    x = torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed))
    return [x, n, 1, 0]


def failing(model: NativeModel, given: list[Any]) -> Failure:
    with pytest.raises(Failure) as caught:
        model.run(given, 8)
    return caught.value


def test_outputs_of_every_kind(model: NativeModel) -> None:
    x = inputs(6)[0]
    outputs = model.run(inputs(6), 8)
    hidden = torch.relu(x @ (torch.arange(20.0).reshape(5, 4) - 9).T)
    expected = torch.cat([hidden, hidden])
    torch.testing.assert_close(outputs[C], expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(outputs[VALUES], outputs[C].cummax(0).values)
    assert torch.equal(outputs[INDICES], outputs[C].cummax(0).indices)
    assert torch.equal(outputs[Z], torch.full((6,), 2.5))
    assert outputs[TWICE:] == [12, 3.0, 1]


# --- sizes ---


def code(slug: str) -> int:
    return ERRORS[slug].number


def test_sizes_out_of_range(model: NativeModel) -> None:
    for rows in (0, 9):
        failure = failing(model, inputs(rows))
        assert (failure.code, failure.operand, failure.given) == (
            code("size-out-of-range"),
            0,
            rows,
        )
    failure = failing(model, inputs(2, n=101))
    assert (failure.code, failure.operand) == (code("size-out-of-range"), 1)


def test_size_mismatch(model: NativeModel) -> None:
    failure = failing(model, [torch.ones(2, 5), 3, 1, 0])
    assert failure.code == code("size-mismatch")
    assert (failure.operand, failure.node, failure.given, failure.allowed) == (0, 1, 5, 4)


def test_rank_mismatch_and_negative_sizes(model: NativeModel) -> None:
    failure = failing(model, [torch.ones(2), 3, 1, 0])
    assert (failure.code, failure.operand) == (code("input-shape"), 0)
    io = model.library.c.wtw_io(model.session, 0)
    for size in (-1, HUGE):
        io[0].rank, io[0].shape[0], io[0].shape[1] = 2, size, 4
        assert model.library.c.wtw_bind(model.session, 0) == code("input-shape")


def test_guard(model: NativeModel) -> None:
    failure = failing(model, inputs(2, n=51))
    assert (failure.code, failure.operand) == (code("guard-failed"), 0)
    model.run(inputs(2, n=50), 8)


def test_rebinding_gives_what_a_new_session_gives(library: Library, model: NativeModel) -> None:
    """More sizes than bindings are kept, up and down, and twice: nothing of a past run shows."""
    for rows in (8, 1, 3, 5, 2, 7, 8, 1, 3, 3, 5):
        model.run([torch.full((8, 4), float("nan")), 3, 1, 0], 8)  # poisons the arena
        given = model.run(inputs(rows, seed=rows), 8)
        fresh = NativeModel(library, *sample())
        expected = fresh.run(inputs(rows, seed=rows), 8)
        fresh.close()
        for name in (C, VALUES, INDICES, Z):
            assert torch.equal(given[name], expected[name])


def test_zero_sizes(library: Library) -> None:
    model = edited(library, lambda p: vars(p.symbols[0]).update(min=0))
    outputs = model.run(inputs(0), 8)
    assert outputs[C].shape == (0, 5) and outputs[Z].shape == (0,) and outputs[TWICE] == 0
    model.close()


# --- state ---


def test_state_counts_and_resets(model: NativeModel) -> None:
    start = torch.arange(5.0)
    for run in (1, 2, 3):
        assert torch.equal(model.run(inputs(2), 8)[COUNTED], start + run)
    model.reset()
    assert torch.equal(model.run(inputs(5), 8)[COUNTED], start + 1)
    assert model.library.c.wtw_state_bytes(model.session) == 20


def test_state_of_zeros(library: Library) -> None:
    model = edited(library, zero_state)
    assert torch.equal(model.run(inputs(2), 8)[COUNTED], torch.ones(5))
    model.close()


def test_dirty_until_reset(library: Library) -> None:
    """A run that failed may have written state; nothing runs on it until a reset."""
    model = NativeModel(library, *counting())
    model.run([torch.tensor([1, 0])], 2)
    assert failing(model, [torch.tensor([1, 7])]).code == code("index-out-of-range")
    assert failing(model, [torch.tensor([1, 0])]).code == code("state-dirty")
    model.reset()
    assert torch.equal(model.run([torch.tensor([1, 0])], 2)[0], torch.ones(5))
    model.close()


# --- memory ---


def test_a_moved_arena_unbinds_other_programs(model: NativeModel) -> None:
    """Program 1 is bound in a small arena, which program 0 then outgrows."""
    c, session = model.library.c, model.session
    io = c.wtw_io(session, 1)
    io[0].rank, io[0].shape[0] = 1, 3
    assert c.wtw_bind(session, 1) == 0 and c.wtw_run(session, 1, 0, ALL_NODES) == 0
    model.run(inputs(8), 8)
    assert c.wtw_run(session, 1, 0, ALL_NODES) == code("internal")
    assert c.wtw_peek(session, 1, 0, 0, io, None, 0) == code("internal")
    assert c.wtw_bind(session, 1) == 0 and c.wtw_run(session, 1, 0, ALL_NODES) == 0
    assert c.wtw_run(session, 2, 0, 1) == c.wtw_bind(session, 2) == code("internal")


def test_an_arena_that_cannot_be_had(library: Library) -> None:
    def grow(p: Sections) -> None:
        p.buffer("cummax", 1).bytes = p.constant(1 << 42)

    model = edited(library, grow)
    assert failing(model, inputs(2)).code == code("out-of-memory")
    assert library.c.wtw_run(model.session, 0, 0, 1) == code("internal")
    model.close()


# --- refusals of csrc/core/bind.cc: what depends on sizes ---


def sized(name: str, operand: int, place: int, size: int) -> Callable[[Sections], None]:
    """Changes a size (or, behind them, a stride) of an operand."""

    def edit(p: Sections) -> None:
        value = p.value(name, operand)
        refs = [p.refs[value.refs + i].index for i in range(2 * value.rank)]
        refs[place] = p.constant(size)
        value.refs = p.ref(*refs)

    return edit


def unknown(p: Sections) -> int:
    return p.divided_by_zero()


def guard(p: Sections) -> None:
    p.programs[0].first_guard = p.ref(unknown(p))


def attribute(name: str, index: int, expr: Callable[[Sections], int]) -> Callable[[Sections], None]:
    """Changes an attribute of a node."""
    return lambda p: vars(p.attr(name, index)).update(refs=p.ref(expr(p)))


def buffer(name: str, operand: int, expr: Callable[[Sections], int]) -> Callable[[Sections], None]:
    """Changes the bytes of an operand's buffer."""
    return lambda p: vars(p.buffer(name, operand)).update(bytes=expr(p))


def offset(name: str, operand: int, expr: Callable[[Sections], int]) -> Callable[[Sections], None]:
    """Changes where an operand begins."""
    return lambda p: vars(p.value(name, operand)).update(offset=expr(p))


def undefined_size(p: Sections) -> None:
    value = p.value("linear", 0)
    value.refs = p.ref(unknown(p), *(p.refs[value.refs + i].index for i in (1, 2, 3)))


def undefined_definition(p: Sections) -> None:
    record = p.exprs[p.symbols[0].definition]
    vars(record).update(vars(p.exprs[unknown(p)]))


def of_other_program(p: Sections) -> None:
    """n is then nowhere defined for the program whose guard reads it."""
    p.symbols[1].program = 1


def packed(name: str) -> Callable[[Sections], None]:
    """The packed weights with other groups."""
    return lambda p: vars(p.value("linear", 1)).update(groups=int(name))


def broadcast_output(p: Sections) -> None:
    """Where the next node works in place."""
    sized("linear", 4, 3, 0)(p)
    p.value("relu", 1).refs = p.value("linear", 4).refs


BINDING = {
    "definition": ("return fail(Code::plan_invalid, __LINE__, i);", undefined_definition),
    "symbol-of-other-program": ("integer(plan_.refs[program_.first_guard", of_other_program),
    "input-size": ("integer(plan_.refs[value.refs + axis], &expected)", undefined_size),
    "guard": ("integer(plan_.refs[program_.first_guard", guard),
    "number": (
        "binding_.expr_status[record.ref]",
        lambda p: vars(p.io[9]).update(ref=unknown(p)),
    ),
    "bytes": ("integer(static_cast<uint32_t>(buffer.bytes)", buffer("cat", 2, unknown)),
    "negative-bytes": ("bytes >= 0 &&", buffer("cat", 2, lambda p: p.constant(-1))),
    "bytes-huge": ("bytes >= 0 &&", buffer("cat", 2, lambda p: p.constant(1 << 50))),
    "bytes-too-few": ("(last + 1) * size_of", buffer("cat", 2, lambda p: p.constant(79))),
    "packed-groups": ("offset == 0 && t.shape[0] > 0", packed("3")),
    "packed-offset": (
        "offset == 0 && t.shape[0] > 0",
        offset("linear", 1, lambda p: p.constant(1)),
    ),
    "packed-empty": ("offset == 0 && t.shape[0] > 0", sized("linear", 1, 1, 0)),
    "packed-long": ("bytes * size_of(t.dtype) <= room", sized("linear", 1, 0, 9)),
    "packed-deep": ("bytes < kMaxElements", sized("linear", 1, 1, 1 << 37)),
    "stride-negative": ("t.stride[axis] >= 0", sized("cat", 2, 2, -1)),
    "stride-huge": ("__builtin_mul_overflow(t.shape[axis] - 1", sized("cat", 2, 2, 1 << 62)),
    "stride-far": ("__builtin_add_overflow(last", sized("cat", 2, 2, 1 << 40)),
    "stride-beyond": ("(last + 1) * size_of", sized("cat", 2, 2, 6)),
    "offset": ("integer(record.offset", offset("cat", 2, unknown)),
    "offset-beyond": ("(last + 1) * size_of", offset("cat", 2, lambda p: p.constant(1))),
    "offset-negative": ("(last + 1) * size_of", offset("cat", 2, lambda p: p.constant(-1))),
    "size-negative": ("t.shape[axis] >= 0 &&", sized("cummax", 1, 0, -1)),
    "size-huge": ("t.shape[axis] >= 0 &&", sized("cummax", 1, 0, 1 << 40)),
    "elements": ("t.numel < kMaxElements", sized("cummax", 1, 0, 1 << 39)),
    "output-strided": ("binding_.tensors[record.ref].contiguous()", sized("cummax", 1, 3, 0)),
    "attribute": ("REQUIRE(binding_.expr_status[expr]", attribute("cat", 0, unknown)),
    "dtype": ("slots->i < kDTypes", attribute("relu", 0, lambda p: p.constant(11))),
    "choice": (
        "static_cast<int64_t>(spec.attrs[a].choices)",
        attribute("linear", 0, lambda p: p.constant(12)),
    ),
    "layout": ("fail(Code::plan_invalid, __LINE__, value, 0", broadcast_output),
}


@pytest.mark.parametrize("name", BINDING)
def test_binding_refuses(library: Library, name: str) -> None:
    check, edit = BINDING[name]
    source = (ROOT / "csrc" / "core" / "bind.cc").read_text()
    model = edited(library, edit)
    failure = failing(model, inputs(2))
    assert failure.line in lines(check, source), source.splitlines()[failure.line - 1]
    assert failure.code == code("plan-invalid")
    model.close()


def test_kernels_check_what_the_core_does_not(library: Library) -> None:
    model = edited(library, attribute("cat", 0, lambda p: p.constant(2)))
    failure = failing(model, inputs(2))
    assert (failure.code, failure.node) == (code("kernel-refused"), 2)
    model.close()


@pytest.mark.parametrize(
    "size",
    [
        lambda p: p.constant(-1),
        lambda p: p.constant(21),  # its initial weight has 20
        lambda p: p.constant(1 << 31),
        lambda p: p.expr(instruction("sym")),
        unknown,
        lambda p: p.symbols[0].definition,
        lambda p: p.symbols[1].definition,
    ],
)
def test_states_have_a_size_of_their_own(library: Library, size: Any) -> None:
    with pytest.raises(Failure) as caught:
        edited(library, lambda p: vars(p.buffer("add", 0)).update(bytes=size(p)))
    assert caught.value.code == code("plan-invalid")


# --- threads ---


def test_results_do_not_depend_on_threads(library: Library) -> None:
    """In a process of its own, as helpers stay for good."""
    script = Path(__file__).parent / "threads.py"
    path = ROOT / "build" / "native" / "libwtw.so"
    subprocess.run([sys.executable, "-W", "ignore", script, path], check=True)
