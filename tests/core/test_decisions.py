"""Sizes that the data decides: what a run makes of them, and which plans are refused."""

from __future__ import annotations

import pytest
import torch
from support.native import Failure, Library, NativeModel
from support.plans import Sections, choosing, decided

from wasm_torch_web.errors import ERRORS

RELU, NONZERO, INDEX, ABS = range(4)


@pytest.fixture
def model(library: Library):
    """The model of support.plans.decided()."""
    made = NativeModel(library, *decided())
    yield made
    made.close()


@pytest.mark.parametrize("kept", [(), (0,), (1, 3), (0, 1, 2, 4), (0, 1, 2, 3, 4, 5), (2,)])
def test_outputs_have_the_sizes_that_the_data_decides(model: NativeModel, kept: tuple) -> None:
    x = -torch.arange(1.0, 7.0)
    x[list(kept)] *= -1
    result, found = model.run([x], 2)
    torch.testing.assert_close(result, x[x > 0])
    assert found == len(kept)


def test_a_cached_binding_is_decided_anew(model: NativeModel) -> None:
    for kept in (6, 0, 3, 1, 4):
        x = torch.where(torch.arange(6) < kept, 2.0, -2.0)
        result, found = model.run([x], 2)
        assert (result.shape, found) == ((kept,), kept)


def test_node_by_node(model: NativeModel) -> None:
    x = torch.tensor([1.0, -1, 2, -2, 3, -3])
    model.bind([x])
    for node in range(4):
        model.run_nodes(node, 1)
    torch.testing.assert_close(model.outputs(1, 2)[0], x[x > 0])


def test_nodes_outside_the_program_are_left_alone(library: Library) -> None:
    plan, weights = decided()
    sections = Sections(plan)
    sections.io[1].ref = sections.operand("abs", 0).index
    sections.programs[0].nodes = ABS
    model = NativeModel(library, sections.pack(), weights)
    x = torch.tensor([1.0, -1, 2, -2, 3, -3])
    torch.testing.assert_close(model.run([x], 2)[0], x[x > 0])
    model.close()


def test_guards_of_decided_sizes_hold(model: NativeModel) -> None:
    with pytest.raises(Failure) as caught:
        model.run([torch.tensor([1.0, 1, 1, 1, 1, -1])], 2)
    assert caught.value.code == ERRORS["guard-failed"].number


def test_a_size_outside_its_range(library: Library) -> None:
    plan, weights = decided()
    sections = Sections(plan)
    sections.symbols[0].max = 2
    model = NativeModel(library, sections.pack(), weights)
    with pytest.raises(Failure) as caught:
        model.run([torch.ones(6)], 2)
    assert caught.value.code == ERRORS["size-out-of-range"].number
    model.close()


@pytest.mark.parametrize(("every", "most", "counted"), [(True, 5, 5), (False, 0, 3)])
def test_either_part_of_a_choice_decides_a_size(
    library: Library, every: bool, most: int, counted: int
) -> None:
    """The guard joins sizes of the first part and of what comes before it: only there it counts."""
    model = NativeModel(library, *choosing())
    x = torch.tensor([[0.0, 1, -1, 2], [3, 0, 0, -4]])
    limit = torch.tensor(most, dtype=torch.float64)
    assert model.run([x, limit, torch.tensor(every), 0], 3) == [counted, 1, most]
    with pytest.raises(Failure) as caught:
        model.run([x, limit - 1, torch.tensor(True), 0], 3)
    assert caught.value.code == ERRORS["guard-failed"].number
    model.close()


def refused(library: Library, edit) -> bool:
    """Whether the plan is refused when it is loaded."""
    plan, weights = decided()
    sections = Sections(plan)
    edit(sections)
    try:
        NativeModel(library, sections.pack(), weights).close()
    except Failure as failure:
        return failure.code == ERRORS["plan-invalid"].number
    return False


@pytest.mark.parametrize(
    "changes",
    [
        {"node": 99},
        {"node": 0xFFFFFFFF},
        {"node": RELU},  # not 0-d
        {"node": ABS},  # a float, and too late
        {"output": 0},  # not 0-d
        {"output": 2},
        {"is_float": 1},
    ],
)
def test_what_decides_a_size(library: Library, changes: dict[str, int]) -> None:
    assert refused(library, lambda p: vars(p.symbols[0]).update(changes))


def test_nothing_needs_a_size_before_it_is_decided(library: Library) -> None:
    def early(p: Sections) -> None:
        p.values[p.refs[p.nodes[RELU].refs + 1].index].refs = p.value("abs", 1).refs

    assert refused(library, early)


def test_an_input_is_no_decided_size(library: Library) -> None:
    def edit(p: Sections) -> None:
        p.values[p.io[0].ref].refs = p.value("abs", 1).refs

    assert refused(library, edit)
