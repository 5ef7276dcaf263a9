"""Bindings, state, memory and threads of a session, on the native build."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from plan_cases.records import zero_state
from samples import (
    COUNTED,
    INDICES,
    MANY,
    NEGATED,
    OUTPUTS,
    TWICE,
    VALUES,
    C,
    Z,
    code,
    edited,
    failing,
    inputs,
)
from support.lowered import Function
from support.native import ALL_NODES, Failure, Io, Library, NativeModel
from support.plans import Sections, counting, instruction, sample

from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.format.weights import Segment
from wasm_torch_web.format.writer import plan_of

HUGE = 1 << 41


@pytest.fixture
def model(library: Library) -> Iterator[NativeModel]:
    made = NativeModel(library, *sample())
    yield made
    made.close()


def test_outputs_of_every_kind(model: NativeModel) -> None:
    x = inputs(6)[0]
    outputs = model.run(inputs(6), OUTPUTS)
    hidden = torch.relu(x @ (torch.arange(20.0).reshape(5, 4) - 9).T)
    expected = torch.cat([hidden, hidden])
    torch.testing.assert_close(outputs[C], expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(outputs[VALUES], outputs[C].cummax(0).values)
    assert torch.equal(outputs[INDICES], outputs[C].cummax(0).indices)
    assert torch.equal(outputs[Z], torch.full((6,), 2.5))
    assert outputs[TWICE : MANY + 1] == [12, 3.0, 1]
    assert torch.equal(outputs[NEGATED], torch.tensor([-1.0, -2.0, -3.0]))


# --- sizes ---


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


def test_only_a_state_of_8_bytes_takes_a_seed(model: NativeModel) -> None:
    """The buffer's number comes from the manifest, which nobody vouches for."""
    for buffer in (*range(30), 2**32 - 1):
        assert model.library.c.wtw_session_seed(model.session, buffer, 7) == code(
            "manifest-invalid"
        )


def test_a_seed_decides_what_is_drawn(library: Library) -> None:
    compiled = compile_program(export_module(Function(torch.randn_like), (torch.zeros(5),), {}))
    (state,) = (state for state, _ in compiled.graph.updates)
    weights = io.BytesIO()
    writer = plan_of(compiled.graph, Segment(weights))
    buffer = writer.buffers[state]
    model = NativeModel(library, writer.finish(), weights.getvalue())

    def draw(seed: int) -> torch.Tensor:
        assert model.library.c.wtw_session_seed(model.session, buffer, seed) == 0
        (drawn,) = model.run([torch.zeros(5)], 1)
        return drawn

    assert torch.equal(draw(-7), draw(-7)) and not torch.equal(draw(-7), draw(8))
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


@pytest.mark.parametrize(
    "size",
    [
        lambda p: p.constant(-1),
        lambda p: p.constant(21),  # its initial weight has 20
        lambda p: p.constant(1 << 31),
        lambda p: p.expr(instruction("sym")),
        lambda p: p.divided_by_zero(),
        lambda p: p.symbols[0].definition,
        lambda p: p.symbols[1].definition,
    ],
)
def test_states_have_a_size_of_their_own(library: Library, size: Any) -> None:
    with pytest.raises(Failure) as caught:
        edited(library, lambda p: vars(p.buffer("add", 0)).update(bytes=size(p)))
    assert caught.value.code == code("plan-invalid")


# --- what is prepared at load ---

PREPARE = 2


def test_prepared_once_for_all_sessions(library: Library) -> None:
    """The weight has changed since; no session sees it."""
    model = NativeModel(library, *sample())
    offset = Sections(sample()[0]).buffer("abs", 0).offset
    ctypes.memset(model.memory[1] + offset, 0, 12)
    for _ in range(2):
        library.c.wtw_session_free(model.session)
        model.session = library.c.wtw_session_new(model.model)
        assert model.run(inputs(2), OUTPUTS)[NEGATED].tolist() == [-1, -2, -3]
    model.close()


def test_a_host_cannot_run_prepare(model: NativeModel) -> None:
    c, session = model.library.c, model.session
    assert not c.wtw_io(session, PREPARE)
    assert c.wtw_bind(session, PREPARE) == c.wtw_run(session, PREPARE, 0, 1) == code("internal")
    assert c.wtw_peek(session, PREPARE, 0, 0, Io(), None, 0) == code("internal")


def two_elements(p: Sections) -> int:
    return p.ref(p.constant(2), p.constant(1))


@pytest.mark.parametrize(
    ("edit", "slug"),
    [
        (lambda p: vars(p.buffer("sqrt", 1)).update(bytes=11), "plan-invalid"),
        (lambda p: vars(p.value("sqrt", 1)).update(refs=p.value("add", 1).refs), "plan-invalid"),
        (lambda p: vars(p.value("abs", 1)).update(refs=two_elements(p)), "kernel-refused"),
    ],
)
def test_a_model_that_cannot_be_prepared(library: Library, edit: Any, slug: str) -> None:
    with pytest.raises(Failure) as caught:
        edited(library, edit)
    assert caught.value.code == code(slug)


# --- runs in slices ---


NODES = 7


def test_node_by_node_gives_what_a_whole_run_gives(library: Library, model: NativeModel) -> None:
    """Two runs, so that the state is carried over too."""
    whole = NativeModel(library, *sample())
    for seed in (1, 2):
        expected = whole.run(inputs(5, seed=seed), OUTPUTS)
        model.bind(inputs(5, seed=seed))
        for node in range(NODES):
            model.run_nodes(node, 1)
        for given, wanted in zip(model.outputs(4, OUTPUTS), expected, strict=True):
            assert torch.equal(torch.as_tensor(given), torch.as_tensor(wanted))
    whole.close()


def refused(model: NativeModel, first: int) -> int:
    """Why the nodes from `first` on do not run."""
    with pytest.raises(Failure) as caught:
        model.run_nodes(first, ALL_NODES)
    return int(caught.value.code)


def test_slices_follow_each_other(model: NativeModel) -> None:
    """What a node reads was left there by the nodes before it."""
    model.bind(inputs(2))
    assert refused(model, 1) == code("internal")
    model.run_nodes(0, 2)
    assert refused(model, 1) == refused(model, 3) == code("internal")
    model.run_nodes(2, 1)
    model.bind(inputs(2))
    assert refused(model, 3) == code("internal")


def test_peeking_at_what_has_not_run(model: NativeModel) -> None:
    model.bind(inputs(2))
    model.run_nodes(0, 1)
    peek, io = model.library.c.wtw_peek, Io()
    assert peek(model.session, 0, 0, 0, io, None, 0) == 0 and list(io.shape[:2]) == [2, 5]
    assert peek(model.session, 0, 1, 0, io, None, 0) == code("internal")


def test_a_run_that_is_not_finished_leaves_the_state_dirty(model: NativeModel) -> None:
    model.bind(inputs(2))
    model.run_nodes(0, NODES - 1)
    model.bind(inputs(2))
    assert refused(model, 0) == code("state-dirty")
    model.reset()
    assert torch.equal(model.run(inputs(2), OUTPUTS)[COUNTED], torch.arange(5.0) + 1)


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
    assert c.wtw_run(session, 3, 0, 1) == c.wtw_bind(session, 3) == code("internal")


def test_an_arena_that_cannot_be_had(library: Library) -> None:
    def grow(p: Sections) -> None:
        p.buffer("cummax", 1).bytes = p.constant(1 << 42)

    model = edited(library, grow)
    assert failing(model, inputs(2)).code == code("out-of-memory")
    assert library.c.wtw_run(model.session, 0, 0, 1) == code("internal")
    model.close()
