"""A built package in, the median time of each of its operators in Chromium out."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from wasm_torch_web import inspection, ops
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.format.plan import ABSENT
from wasm_torch_web.format.plan_reader import PlanReader
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.chromium import apart, describe, launched
from wasm_torch_web.verify.session import open_package

RUNS = 20
WARMUP = 5  # until V8 has optimised what is hot
Progress = Callable[[str], None]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Operator:
    """One operator of a run.

    Attributes:
        shape: of its first output.
        milliseconds: the median over the runs.
        flops: multiplications and additions, where those are what limits it.
    """

    node: int
    operator: str
    module: str
    source: str
    shape: Shape
    milliseconds: float
    flops: int | None

    @property
    def gflops(self) -> float | None:
        """GFLOP/s."""
        return rate(self.flops, self.milliseconds)


@dataclass(frozen=True)
class Profile:
    """What was measured.

    Attributes:
        peak: GFLOP/s that one thread reached in the same page in a loop of nothing but `unit`.
        run: milliseconds of a run without profiling, as its caller waits for it; the median.
    """

    package: str
    browser: str
    variant: str
    threads: int
    runs: int
    unit: str
    peak: float
    run: float
    operators: list[Operator]

    @property
    def milliseconds(self) -> float:
        """All operators together."""
        return sum(operator.milliseconds for operator in self.operators)

    @property
    def limit(self) -> float:
        """GFLOP/s that all threads could reach at best."""
        return self.peak * self.threads

    def to_json(self) -> dict[str, Any]:
        """For `--json`: operators in the order of execution."""
        return {
            "package": self.package,
            "browser": self.browser,
            "variant": self.variant,
            "threads": self.threads,
            "runs": self.runs,
            "runMs": self.run,
            "operatorsMs": self.milliseconds,
            "peak": {"gflops": self.peak, "threads": 1, "measured": f"{self.unit} alone"},
            "operators": [
                {
                    **asdict(one),
                    "gflops": one.gflops,
                    "limitShare": one.gflops / self.limit if one.gflops else None,
                }
                for one in self.operators
            ],
        }


def rate(flops: int | None, milliseconds: float) -> float | None:
    """GFLOP/s; None without flops or without time that the clock could tell."""
    return flops / milliseconds / 1e6 if flops and milliseconds else None


@apart
def measure(
    package: Path,
    variant: str | None = None,
    threads: int | None = None,
    runs: int = RUNS,
    progress: Progress = lambda step: None,
) -> Profile:
    """Runs the package on its golden inputs, each operator timed.

    Raises UserError package-missing, no-chromium, browser-failed.
    """
    manifest = manifests.read(package)
    flops = node_flops(package, manifest)
    inputs = golden.read_inputs(package, manifest, 0)
    asked = {"variant": variant, "threads": threads}
    with launched() as browser, open_package(browser, package) as model:
        progress("load")
        taken = model.call("load", {name: value for name, value in asked.items() if value})
        simd = taken["variant"].split("-")[0]
        progress("peak of the machine")
        peak: float = model.call("peak", simd)
        progress(f"{runs} runs")
        model.profile(inputs, WARMUP)
        found = model.profile(inputs, runs)
        return Profile(
            package=manifest["name"],
            browser=describe(browser),
            variant=taken["variant"],
            threads=taken["threads"],
            runs=runs,
            unit="FMA" if simd == "relaxed" else "multiply and add",
            peak=peak,
            run=median(found["plain"]),
            operators=_operators(found, flops),
        )


def _operators(found: dict[str, Any], flops: list[int | None]) -> list[Operator]:
    times = map(median, zip(*found["times"], strict=True))
    return [
        Operator(
            node=told["node"],
            operator=told["operator"],
            module=told["module"],
            source=told["source"],
            shape=tuple(told["shapes"][0]) if told["shapes"] else (),
            milliseconds=milliseconds,
            flops=flops[told["node"]],
        )
        for told, milliseconds in zip(found["operators"], times, strict=True)
    ]


def node_flops(package: Path, manifest: Manifest) -> list[int | None]:
    """The FLOPs of each operator on the golden inputs, by the operator table."""
    symbols = inspection.example_sizes(manifest)
    reader = PlanReader(manifests.content(package, manifest["plan"]), [*symbols.values()])
    return [
        _flops(reader, index, node["op"], node["attrs"])
        for index, node in enumerate(manifest["graph"]["nodes"])
    ]


def _flops(reader: PlanReader, node: int, operator: str, attributes: dict[str, Any]) -> int | None:
    row = ops.ROWS.get(operator)
    if row is None or row.flops is None:
        return None
    _, inputs, outputs, _, first, *_ = reader.nodes[node]
    shapes = [_shape(reader, value) for value in reader.refs[first : first + inputs + outputs]]
    if any(shape is not None and None in shape for shape in shapes):
        return None  # sizes that depend on data
    flops: int = row.flops(shapes[:inputs], shapes[inputs:], attributes)
    return flops


def _shape(reader: PlanReader, value: int) -> tuple[int | None, ...] | None:
    """At the symbols' sizes, as the plan has it; None for an absent operand."""
    if value == ABSENT:
        return None
    rank, refs = struct.unpack_from("<6xB5xI", reader.sections["values"], 32 * value)
    return tuple(reader.evaluate(size) for size in reader.refs[refs : refs + rank])
