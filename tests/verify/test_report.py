"""The report: its verdict, its table, its JSON."""

from __future__ import annotations

import io
import json
import math

import pytest
from rich.console import Console

from wasm_torch_web.errors import WtwError
from wasm_torch_web.verify.compare import OutputError
from wasm_torch_web.verify.report import Report, Run

GOOD = OutputError("logits", 1e-6, 1e-7, True)
BETTER = OutputError("logits", 1e-8, 1e-9, True)
BAD = OutputError("mask[0]", math.inf, math.inf, False, "shape [1] instead of [2]")


def report(*runs: tuple[str, OutputError]) -> Report:
    made = [Run(variant, f"trial {i}", 1.5, (o,)) for i, (variant, o) in enumerate(runs)]
    return Report("Chromium 1", made, {variant: "" for variant, _ in runs})


def text(found: Report) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(found.table())
    return out.getvalue()


def test_it_passes_where_every_output_does() -> None:
    assert report(("a", GOOD), ("b", BETTER)).passed
    assert not report(("a", GOOD), ("b", BAD)).passed


def test_nothing_compared_is_not_passed() -> None:
    assert not report().passed


def test_the_table_shows_the_worst_of_each_variant_and_output() -> None:
    shown = text(report(("a", BETTER), ("a", GOOD), ("b", BETTER)))
    assert shown.count("logits") == 2
    assert "1.00e-06" in shown
    assert "trial 1" in shown
    assert "trial 0" not in shown


def test_a_difference_comes_before_a_larger_error_that_is_allowed() -> None:
    small = OutputError("logits", 1e-9, 1e-9, False, "dtype")
    assert report(("a", GOOD), ("a", small)).worst()[0][1] is small


def test_names_are_no_markup() -> None:
    assert "mask[0]" in text(report(("a", BAD)))
    assert "shape [1] instead of [2]" in text(report(("a", BAD)))


def test_json_has_no_infinity() -> None:
    described = report(("a", BAD)).to_json()
    assert json.loads(json.dumps(described, allow_nan=False))["outputs"][0]["maxAbsError"] == "inf"


def test_a_failure_names_each_output_once() -> None:
    with pytest.raises(WtwError) as caught:
        report(("a", BAD), ("b", BAD), ("b", GOOD)).raise_if_failed()
    assert caught.value.message.endswith("1 output(s) differ from PyTorch: mask[0]")
    report(("a", GOOD)).raise_if_failed()


def test_the_manifest_gets_the_worst_over_all_variants() -> None:
    manifest: dict[str, object] = {}
    report(("a", BETTER), ("b", GOOD)).mark(manifest)
    assert manifest["verified"] == {
        "browser": "Chromium 1",
        "variants": ["a", "b"],
        "outputs": [{"name": "logits", "maxAbsError": 1e-6, "maxRelError": 1e-7}],
    }
