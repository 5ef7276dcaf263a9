"""The comparison itself, in Chromium, on a package that echoes: it passes, and it can fail."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser
from support.echo_package import echo, echo_package

from wasm_torch_web import signature
from wasm_torch_web.errors import UserError, WtwError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.ops.table import DTYPES
from wasm_torch_web.sources import load
from wasm_torch_web.verify import session
from wasm_torch_web.verify.parity import check, compare_in, expect
from wasm_torch_web.verify.reference import Eager, Flat, Reference
from wasm_torch_web.verify.report import Report
from wasm_torch_web.verify.session import open_package
from wasm_torch_web.verify.tab import wait_for


def test_every_dtype_travels_bit_for_bit(browser: Browser, tmp_path: Path) -> None:
    bits = torch.randint(0, 256, (6, 16), dtype=torch.uint8, generator=torch.Generator())
    values = {str(d).removeprefix("torch."): bits.view(d) for d in DTYPES if d != torch.bool}
    values |= {"bool": bits % 2 == 1, "scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3)}
    echo_package(tmp_path / "pkg", values, {})
    with open_package(browser, tmp_path / "pkg") as model:
        model.load()
        outputs, milliseconds = model.run(values)
    assert milliseconds > 0
    for name, value in values.items():
        given = outputs[f"{name}_out"]
        assert isinstance(given, torch.Tensor)
        assert (given.dtype, given.shape) == (value.dtype, value.shape)
        flat = (tensor.reshape(-1).view(torch.uint8) for tensor in (given, value))
        assert torch.equal(*flat)


def test_numbers_travel(browser: Browser, tmp_path: Path) -> None:
    values = {"i": -7, "f": 0.25, "b": False}
    echo_package(tmp_path / "pkg", values, {})
    with open_package(browser, tmp_path / "pkg") as model:
        model.load()
        outputs, _ = model.run(values)
    assert outputs == {"i_out": -7, "f_out": 0.25, "b_out": False}


def check_in(
    browser: Browser, package: Path, reference: Reference, variants: Sequence[str] | None = None
) -> Report:
    """`check` in the browser that all tests share."""
    expected = expect(package, reference, lambda step: None)
    return compare_in(browser, package, expected, variants, lambda step: None)


def test_equal_outputs_pass_on_every_trial(browser: Browser, package: Path) -> None:
    report = check_in(browser, package, echo, ["relaxed-single"])
    assert report.passed
    assert report.max_abs_error == 0
    assert [run.trial for run in report.runs] == [
        "known inputs",
        "random inputs",
        *["runs in a row"] * 3,
        "batch=1",
        "batch=7",
    ]
    assert report.variants == {"relaxed-single": "asked for relaxed-single"}


def test_a_passed_check_is_recorded_in_the_manifest(browser: Browser, package: Path) -> None:
    manifest = manifests.read(package)
    check_in(browser, package, echo).mark(manifest)
    manifests.write(package, manifest)
    verified = manifests.read(package)["verified"]
    assert verified["variants"] == ["relaxed-single"]
    assert {output["name"] for output in verified["outputs"]} == {
        "x_out",
        "ids_out",
        "n_out",
        "flag_out",
    }


def test_a_thousandth_off_fails_in_just_that_variant(browser: Browser, package: Path) -> None:
    report = check_in(browser, package, echo, ["relaxed-single", "simd128-single"])
    assert not report.passed
    assert report.failures() == ["x_out"]
    wrong = {run.variant for run in report.runs if any(not o.passed for o in run.outputs)}
    assert wrong == {"simd128-single"}
    manifest = manifests.read(package)
    report.mark(manifest)
    assert manifest["verified"] is None
    with pytest.raises(WtwError) as caught:
        report.raise_if_failed()
    assert (caught.value.code, caught.value.exit_code) == ("WTW601", 3)


def test_sizes_that_pytorch_refuses_are_skipped_and_told(browser: Browser, package: Path) -> None:
    def picky(runs: Sequence[Flat]) -> list[Flat]:
        if any(len(run["x"]) == 1 for run in runs):  # type: ignore[arg-type]
            raise UserError("model-failed", reason="a batch of one")
        return echo(runs)

    report = check_in(browser, package, picky)
    assert report.passed
    assert len(report.skipped) == 1
    assert report.skipped[0].startswith("batch=1: ")


def test_the_page_is_isolated_and_strict(browser: Browser, package: Path) -> None:
    with open_package(browser, package) as model:
        model.load()
        assert model._tab.evaluate("crossOriginIsolated") is True
        inline = (
            "let s = document.createElement('script'); s.text = 'x = 1'; document.body.append(s)"
        )
        model._tab.evaluate(inline)
        assert model._tab.evaluate("typeof x") == "undefined"


def test_an_error_in_the_page_keeps_its_message(browser: Browser, package: Path) -> None:
    with open_package(browser, package) as model, pytest.raises(UserError) as caught:
        model.load("broken")
    assert caught.value.code == "WTW603"
    assert "load option variant: broken" in caught.value.message


def test_a_package_that_cannot_be_imported_is_a_coded_error(
    browser: Browser, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "wait_for", partial(wait_for, seconds=1))
    (package / "loader.js").unlink()
    with pytest.raises(UserError) as caught, open_package(browser, package):
        pytest.fail("the page cannot work")
    assert caught.value.code == "WTW603"


def test_peek_gives_a_tensor(browser: Browser, package: Path) -> None:
    with open_package(browser, package) as model:
        model.load(debug=True)
        assert model.peek(4, 1).tolist() == [4, 1, 7]


def test_no_chromium_is_a_coded_error(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(UserError) as caught:
        check(package, echo)
    assert (caught.value.code, caught.value.exit_code) == ("WTW602", 4)


class Rounding(torch.nn.Module):
    """x, exactly and so in float64; in float32, PyTorch's sum loses some hundredths of it."""

    def __init__(self, error: float = 0.0, large: float = 1e6) -> None:
        super().__init__()
        self.error = error
        self.large = large

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"x_out": (x + self.large) - self.large + self.error}


def against(module: torch.nn.Module, browser: Browser, package: Path) -> Report:
    """How far the echo in the browser is from a module that should give x back."""
    x = torch.linspace(0.1, 1, 50)
    echo_package(package, {"x": x}, {})
    names = signature.read(torch.export.export(module, (x,)))
    return check_in(browser, package, Eager(names, load(module, None, (x,))))


def test_rounding_of_pytorch_itself_is_told_but_no_failure(
    browser: Browser, tmp_path: Path
) -> None:
    report = against(Rounding(), browser, tmp_path / "pkg")
    assert report.passed and report.max_abs_error > 1e-2
    [output] = report.to_json()["outputs"]
    assert output["note"].startswith("ill-conditioned: against float64, PyTorch's own error is")
    manifest = manifests.read(tmp_path / "pkg")
    report.mark(manifest)
    manifests.write(tmp_path / "pkg", manifest)
    manifest = manifests.read(tmp_path / "pkg")
    assert manifest["verified"]["outputs"][0]["note"] == output["note"]
    assert 1e-2 < manifest["golden"]["cases"][0]["outputs"]["x_out"]["tolerance"] < 0.2


@pytest.mark.parametrize(
    "module",
    [
        Rounding(error=1e-3, large=0.0),  # well-conditioned
        Rounding(error=0.2),  # further off than PyTorch's rounding
    ],
)
def test_a_fault_is_none_of_rounding(
    browser: Browser, tmp_path: Path, module: torch.nn.Module
) -> None:
    report = against(module, browser, tmp_path / "pkg")
    assert report.failures() == ["x_out"]
    assert "note" not in report.to_json()["outputs"][0]


def test_a_module_that_cannot_run_in_float64_keeps_its_verdict(
    browser: Browser, tmp_path: Path
) -> None:
    class Float32(Rounding):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            assert x.dtype == torch.float32
            return super().forward(x)

    assert not against(Float32(), browser, tmp_path / "pkg").passed
