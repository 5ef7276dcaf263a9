"""A package in, the same with its weights rounded to what float16 holds out: its own weights and
plan are enough, where the model that it was built from is not at hand."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from wasm_torch_web import bundle
from wasm_torch_web.card import FILE as CARD
from wasm_torch_web.engine import load
from wasm_torch_web.engine.model import Model
from wasm_torch_web.errors import Kind, UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.format.plan import BUFFER_KINDS, HEADER_BYTES, RECORD_BYTES, SECTIONS
from wasm_torch_web.format.stored import read_segment
from wasm_torch_web.format.weights import Segment, Shards
from wasm_torch_web.ir import Value
from wasm_torch_web.packaging import BuildResult
from wasm_torch_web.progress import Console, Line
from wasm_torch_web.quantize import drift
from wasm_torch_web.quantize.apply import check_skips, mix_of, skipped
from wasm_torch_web.quantize.calibration import as_tensor
from wasm_torch_web.quantize.reference import seeded
from wasm_torch_web.quantize.rounding import FP16, is_candidate, judge
from wasm_torch_web.quantize.spec import Spec, spec_of
from wasm_torch_web.quantize.way import Weight
from wasm_torch_web.tokenizer import FILE as TOKENIZER
from wasm_torch_web.verify import golden, parity
from wasm_torch_web.verify.golden import tensor_from
from wasm_torch_web.verify.reference import Flat
from wasm_torch_web.verify.trials import trials

Places = Mapping[tuple[int, int], int]  # offset and bytes of a weight -> its new offset


@dataclass(frozen=True)
class InEngine:
    """A Reference: a package in this process."""

    model: Model

    def __call__(self, runs: Sequence[Flat]) -> list[Flat]:
        """The first run finds the initial state; what is drawn follows from the seed of PyTorch's
        own generator."""
        self.model.reset()
        self.model.seed(torch.initial_seed())
        ports = self.model.manifest["programs"]["forward"]["outputs"]
        return [_tensors(ports, self.model.run(run)) for run in runs]


def check_alone(package: Path, manifest: Manifest, spec: Spec) -> None:
    """Raises UserError quantize-package for what a package alone is not enough for, and
    manifest-invalid where it has no example."""
    if not manifest.get("golden"):
        path = package / manifests.FILE
        raise UserError("manifest-invalid", path=path, reason="no golden data")
    if spec.kind != FP16.name or spec.searches:
        raise UserError("quantize-package", path=package)


def requantized(
    package: Path, spec: Spec, runs: Sequence[Flat], line: Line, folder: Path, out: Path
) -> BuildResult:
    """Writes into `folder` what is to be the package `out`. `runs` are what errors are measured on,
    by default golden and random inputs.

    Raises UserError quantize-skip; WtwError quantize-drift.
    """
    manifest = manifests.read(package)
    example = golden.read_inputs(package, manifest, 0)
    before = load(package)  # which checks every file
    with line.step("write"):
        weights = _write_weights(package, manifest, spec, folder)
        manifest["quantized"] = _entry(manifest, spec, weights)
        manifests.write(folder, manifest)
    with line.step("quantize"), before, load(folder) as after:
        runs = runs or [run for one in trials(manifest, example)[:2] for run in one.runs]
        given = InEngine(before), InEngine(after), runs, golden.drawn(manifest)
        moved = drift.measure(*given, lambda done: line.console.part(done, len(runs), "runs"))
        drift.check(moved, spec.max_error)
        manifest["quantized"]["drift"] = [one.to_json() for one in moved]
        cases = golden.make_cases(manifest, [example], seeded(InEngine(after)))
        golden.write(folder, manifest, cases)
    with line.step("pack"):
        carried = (package / name for name in (TOKENIZER, CARD))
        tokenizer, card = (path if path.is_file() else None for path in carried)
        bundle.pack(folder, tokenizer=tokenizer, card=card)
    reference = InEngine(load(folder))
    return BuildResult(out, manifest, [], line.notices, reference, example, weights, moved)


def compare(result: BuildResult, folder: Path, console: Console) -> None:
    """Chromium with wasmtime. PyTorch has no part in it, so that the package is not marked as
    verified."""
    given = folder, result.reference
    try:
        result.report = parity.check(*given, progress=console.detail, example=result.example)
    except UserError as error:
        if error.kind is not Kind.ENVIRONMENT:
            raise
        result.verification, result.problem = "unavailable", error
        return
    result.verification = "wasmtime" if result.report.passed else "failed"


def _entry(manifest: Manifest, spec: Spec, weights: Sequence[Weight]) -> dict[str, Any]:
    """The manifest's `quantized`, drift still missing; what was rounded before stays told."""
    earlier = spec_of(manifest) or spec
    mix = {**(earlier.mix or {}), **mix_of(weights)}
    return replace(spec, mix=mix, ranges=earlier.ranges).entry([])


def _write_weights(package: Path, manifest: Manifest, spec: Spec, folder: Path) -> list[Weight]:
    """Shards, and the plan that finds weights where they lie now; changes the manifest."""
    memory = memoryview(read_segment(package, manifest["weights"]))
    found: dict[str, Weight] = {}
    places: dict[tuple[int, int], int] = {}
    entries = []
    with closing(Shards(folder)) as shards:
        segment = Segment(shards, narrows=True)
        for entry in manifest["weights"]["tensors"]:
            place = (entry["offset"], entry["bytes"])
            data = _data(entry, memory[place[0] : sum(place)])
            if is_candidate(data):
                one = skipped(judge(entry["name"], _rows(entry, data)), spec)
                found[one.name] = one
                data = data if one.kept else data.half().float()
            count = len(segment.entries)
            value = Value(entry["name"], data.dtype, (len(data),), "constant", data)
            places[place] = segment.add(value)[0]
            told = ("shape", "layout", "stored")
            kept = {key: entry[key] for key in told if key in entry}
            entries += [new | kept for new in segment.entries[count:]]
        weights = shards.finish() | {"tensors": entries}
        weights["bytes"] += segment.saved
    check_skips(spec, {entry["name"] for entry in manifest["weights"]["tensors"]})
    try:
        plan = _moved(manifests.content(package, manifest["plan"]), places)
    except KeyError as error:
        reason = "the plan has weights that it does not name"
        raise UserError("manifest-invalid", path=package / manifests.FILE, reason=reason) from error
    (folder / manifest["plan"]["file"]).write_bytes(plan)
    manifest["plan"]["sha256"] = hashlib.sha256(plan).hexdigest()
    manifest["weights"] |= weights
    manifest |= {"golden": None, "verified": None}
    return list(found.values())


def _data(entry: dict[str, Any], content: memoryview) -> torch.Tensor:
    """The elements as they lie in memory."""
    size = len(content) // getattr(torch, entry["dtype"]).itemsize
    return tensor_from(bytes(content), entry["dtype"], [size])


def _rows(entry: dict[str, Any], data: torch.Tensor) -> torch.Tensor:
    """The same with what belongs to an output in a row: panels have eight of them side by side."""
    if entry["layout"] == "panel8":
        depth = entry["stored"][1]
        return data.reshape(-1, depth, 8).transpose(1, 2).reshape(-1, depth)
    return data.reshape(entry["shape"])


def _moved(plan: bytes, places: Places) -> bytes:
    """A plan, its hash checked, whose weights lie elsewhere in the segment."""
    found = bytearray(plan)
    section = SECTIONS.index("buffers")
    first, count = struct.unpack_from("<QQ", plan, HEADER_BYTES + 16 * section)
    for number in range(count):
        at = first + number * RECORD_BYTES["buffers"]
        kind, owner, offset, size = struct.unpack_from("<IIQQ", plan, at)
        if kind == BUFFER_KINDS["constant"]:
            struct.pack_into("<IIQQ", found, at, kind, owner, places[offset, size], size)
    return bytes(found)


def _tensors(ports: list[dict[str, Any]], outputs: Mapping[str, Any]) -> Flat:
    return {port["name"]: as_tensor(port, outputs[port["name"]]) for port in ports}
