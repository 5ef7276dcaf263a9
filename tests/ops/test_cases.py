"""Every case of every row: on the native build under ASan and UBSan, between guard pages, and with
threads; on the shipped wasm in Node and in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import operators_doc
import pytest
import torch
from support import builds
from support.cases import Plan, all_plans, fault, make_plan
from support.engines import Engine
from support.guarded import BEHIND, outside
from support.large_cases import large_cases
from support.threads import helpers, run
from support.wasm import faults, outputs_in, run_on_wasm

from wasm_torch_web.format.weights import raw
from wasm_torch_web.ops import ROWS, Row

SUPPORT = Path(__file__).parents[1] / "support"
PRODUCTS = "conv|linear|matmul|attention"
ARM_TILES = 8  # rows of a product's tile
FINEST = 1 << 20  # ranges are cut into single elements


@pytest.fixture(scope="module")
def plans(one_thread: None) -> list[Plan]:
    """All of them."""
    made = list(all_plans())
    assert len(made) > 3000
    return made


def row_of(plan: Plan) -> Row:
    """The row that it is a case of."""
    return ROWS[plan.name.partition("[")[0]]


def listed(wrong: dict[str, str]) -> str:
    """The first of them, a line each."""
    return "\n".join(f"{name}: {text}" for name, text in list(wrong.items())[:40])


def test_every_row_has_cases() -> None:
    assert not [row.name for row in ROWS.values() if row.cases is None]


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param([], id="all"),
        pytest.param([PRODUCTS, str(ARM_TILES)], id="products in the tiles of ARM"),
    ],
)
def test_native_under_sanitizers(choice: list[str]) -> None:
    builds.under_sanitizers(SUPPORT / "run_native_cases.py", *choice)


@pytest.mark.parametrize(
    ("kind", "tile"),
    [
        pytest.param("plain", 0, id="all"),
        pytest.param("scalar", 0, id="all, lane by lane"),
        pytest.param("plain", ARM_TILES, id="products in the tiles of ARM"),
    ],
)
def test_native_between_guard_pages(
    plans: list[Plan], tmp_path: Path, kind: str, tile: int
) -> None:
    """They touch nothing but their operands and give what PyTorch gives."""
    library = builds.apart(kind, tmp_path)
    if tile:
        library.c.wtw_set_tile_rows(tile)
        plans = [plan for plan in plans if re.search(PRODUCTS, plan.name)]
    wrong = outside(library, plans, fault)
    assert not wrong, listed(wrong)


def test_guard_pages_notice_a_byte(plans: list[Plan], tmp_path: Path) -> None:
    """Were each operand a byte shorter, every row would leave one."""
    kernels = [plan for plan in plans if plan.expected[0].numel() and not row_of(plan).view]
    last = {row_of(plan).name: plan for plan in kernels}
    wrong = outside(builds.apart("plain", tmp_path), list(last.values()), fault, (BEHIND,), cut=1)
    assert len(last) > 200 and [name for name in last if last[name].name not in wrong] == []
    assert all("touches byte" in text for text in wrong.values()), listed(wrong)


@pytest.mark.parametrize(
    ("kind", "finer"),
    [
        pytest.param("scalar", 1, id="as it is split"),
        pytest.param("plain", FINEST, id="split finely"),
    ],
)
def test_any_number_of_threads(plans: list[Plan], tmp_path: Path, kind: str, finer: int) -> None:
    """The same bits, of all cases that have work for several; wherever the cuts are, PyTorch's."""
    library = builds.apart(kind, tmp_path)
    library.c.wtw_set_finer(finer)
    large = [
        make_plan(ROWS[name], case, f"{name}[large]", constants=False)
        for name, case in large_cases()
    ]
    alone = [(plan, *run(library, plan)) for plan in [*plans, *large]]
    wrong = {plan.name: fault(plan, outputs) for plan, outputs, _ in alone[: len(plans)]}
    assert not any(wrong.values()), listed({name: text for name, text in wrong.items() if text})
    split = [(plan, bits(outputs)) for plan, outputs, chunks in alone if chunks > 1]
    if finer == FINEST:  # every row with work for several
        rows = {row_of(plan).name for plan, _, chunks in alone if chunks and not row_of(plan).view}
        assert rows - {row_of(plan).name for plan, _ in split} == set()
    with helpers(library, 4):
        for threads in (2, 5):
            library.c.wtw_set_threads(threads)
            differ = [plan.name for plan, one in split if bits(run(library, plan)[0]) != one]
            assert not differ, (threads, differ)


def bits(outputs: list[torch.Tensor]) -> list[bytes]:
    return [raw(one) for one in outputs]


def test_shipped_wasm(plans: list[Plan]) -> None:
    """All cases on the SIMD128 variant; docs/operators.md says what passed."""
    wrong = run_on_wasm(plans)
    assert not wrong, listed(wrong)

    page = operators_doc.render(operators_doc.count([plan.name for plan in plans]))
    assert operators_doc.FILE.read_text() == page, "run python scripts/operators_doc.py"


def test_shipped_wasm_in_a_page(engine: Engine, plans: list[Plan]) -> None:
    """All cases on the best variant of the browser, which Node may lack: relaxed SIMD."""
    wrong = faults(plans, outputs_in(engine, plans, engine.single))
    assert not wrong, listed(wrong)
