"""`profile`: a package measured in Chromium, and what tables and the chart make of profiles."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from click.testing import CliRunner
from rich.console import Console as Terminal
from torch import Tensor, nn

from wasm_torch_web.cli.profile import command
from wasm_torch_web.console import Console
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.pipeline import build
from wasm_torch_web.profiling import flame, report
from wasm_torch_web.profiling.measure import Operator, Profile, measure, node_flops


class Blocks(nn.Module):
    """Products in modules inside modules, on a dynamic batch."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Sequential(nn.Conv2d(8, 4, 1)))
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.body(x).mean((2, 3)))
        return torch.softmax(scores, 1)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("profile") / "blocks"
    x = torch.randn(3, 3, 17, 17)
    build(Blocks().eval(), (x,), dynamic=["x.0=batch:1..8"], out=out, verify=False)
    return out


def profile_of(*operators: Operator, package: str = "name", threads: int = 2) -> Profile:
    machine = ("Chromium 1", "relaxed-threads", threads, 5, "FMA", 50.0, 4.0)
    return Profile(package, *machine, list(operators))


def operator(node: int, name: str, module: str, ms: float, flops: int | None = None) -> Operator:
    return Operator(node, name, module, "model.py:3", (1, 64, 112, 112), ms, flops)


def test_flops_follow_the_golden_sizes(package: Path) -> None:
    manifest = manifests.read(package)
    flops = dict(
        zip(
            (n.get("module") for n in manifest["graph"]["nodes"]),
            node_flops(package, manifest),
            strict=True,
        )
    )
    assert flops["body.0"] == 2 * 3 * 8 * 8 * 8 * 27
    assert flops["body.1.0"] == 2 * 3 * 8 * 8 * 4 * 8
    assert flops["head"] == 2 * 3 * 5 * 4


@pytest.mark.parametrize("threads", [1, 2])
def test_a_package_is_measured(package: Path, threads: int) -> None:
    profile = measure(package, threads=threads, runs=3)
    assert (profile.package, profile.threads, profile.runs) == ("blocks", threads, 3)
    assert profile.peak > 0 and profile.limit == threads * profile.peak
    nodes = manifests.read(package)["graph"]["nodes"]
    assert [one.operator for one in profile.operators] == [node["op"] for node in nodes]
    first = next(one for one in profile.operators if one.module == "body.0")
    assert first.shape == (3, 8, 8, 8) and "test_profile.py:" in first.source
    assert 0 < profile.milliseconds == sum(one.milliseconds for one in profile.operators)


def test_without_relaxed_simd_the_peak_has_no_fma(package: Path) -> None:
    profile = measure(package, variant="simd128-single", runs=1)
    assert (profile.variant, profile.threads) == ("simd128-single", 1)
    assert profile.unit == "multiply and add" and profile.peak > 0


def test_the_command_writes_json_and_a_chart(package: Path, tmp_path: Path) -> None:
    chart = tmp_path / "chart.html"
    arguments = [str(package), "--runs", "2", "--threads", "1", "--html", str(chart)]
    result = CliRunner().invoke(command, arguments, obj=Console(), standalone_mode=False)
    assert result.exception is None, result.output
    found = json.loads(json.dumps(result.return_value))
    assert found["variant"] == "relaxed-single" and found["peak"]["measured"] == "FMA alone"
    assert {one["module"] for one in found["operators"]} >= {"body.0", "body.1.0", "head"}
    assert "<title>blocks: profile</title>" in chart.read_text()
    arguments[-1] = str(tmp_path / "nowhere" / "chart.html")
    result = CliRunner().invoke(command, arguments, obj=Console(), standalone_mode=False)
    assert isinstance(result.exception, UserError) and result.exception.slug == "out-unwritable"


LONG = operator(0, "scaled_dot_product_attention", "encoder.layers.11.attention.self", 123.4, 10**9)
MANY = profile_of(LONG, *(operator(i, "conv2d", "body", 1000.0, 10**9) for i in range(1, 30)))


def test_tables_fit_80_columns() -> None:
    terminal = Terminal(width=80, record=True, file=StringIO())
    for table in report.tables(MANY, top=5):
        terminal.print(table)
    text = terminal.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "The slowest 5 of 30 operators" in text and "25 more" in text
    assert all(len(line.split()) > 6 for line in text.splitlines() if line.startswith("conv2d  b"))
    assert "…attention.self" not in text  # it is not among the slowest


def test_totals_rate_only_what_has_flops() -> None:
    known, unknown = operator(0, "conv2d", "a", 1.0, 30 * 10**6), operator(1, "conv2d", "b", 3.0)
    total, rest = report.totals([operator(2, "relu", "c", 0.5), known, unknown])
    assert (total.operator, total.count, total.milliseconds) == ("conv2d", 2, 4.0)
    assert (total.flops, total.bound) == (30 * 10**6, 1.0)
    assert (rest.operator, rest.flops) == ("relu", 0)


def test_an_empty_profile_and_an_unmeasurable_one_have_no_rates() -> None:
    empty = profile_of()
    assert empty.milliseconds == 0 and "0 operators" in flame.page(empty)
    instant = operator(0, "conv2d", "a", 0.0, 10)
    assert instant.gflops is None and "a" in flame.page(profile_of(instant))


def test_the_chart_nests_modules_by_time() -> None:
    root = flame.tree(
        profile_of(
            operator(0, "conv2d", "body.0", 3.0),
            operator(1, "relu", "", 1.0),
            operator(2, "relu", "body.0", 1.0),
        )
    )
    assert [*root.children] == ["body", "relu 1"]
    assert root.milliseconds == 5.0 and root.depth == 4
    inner = root.children["body"].children["0"]
    assert inner.path == "body.0" and [*inner.children] == ["conv2d 0", "relu 2"]


def test_the_chart_is_whole_and_harmless() -> None:
    evil = '"><script>alert(1)</script>$title\x1b[31m'
    page = flame.page(profile_of(operator(0, evil, f"{evil}.{evil}", 1.0), package=evil))
    for forbidden in ("<script", "http:", "https:", "url(", "@import", "\x1b", " src="):
        assert forbidden not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;$title" in page
    body = page[page.index('<div class="chart">') : page.index("<ul>")]
    frames = ElementTree.fromstring(body).findall("div")
    assert len(frames) == 4  # the model, two modules, the operator
    assert all("width:100.0000%" in str(frame.get("style")) for frame in frames)
