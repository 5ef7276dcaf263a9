"""Many items in, a line of JSON for each out; what was done before an interruption stays done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasm_torch_web.engine.classes import Ports, classified
from wasm_torch_web.engine.files import Item, as_json
from wasm_torch_web.errors import UserError

Run = Callable[[Mapping[str, Any]], Mapping[str, Any]]
# Told of each item that is done, with whether it went well.
Progress = Callable[[Item, bool], None]


@dataclass(frozen=True)
class Line:
    """`{"input": name, "outputs": ...}` (with `classes`, where outputs have labels) or
    `{"input": name, "error": ...}`."""

    text: str
    failed: bool


# The lines of items, in their order.
Lines = Callable[[Sequence[Item]], Iterable[Line]]


def run_all(
    items: Sequence[Item],
    lines: Lines,
    out: Path,
    key: str,
    progress: Progress = lambda item, passed: None,
) -> int:
    """Writes the line of each item, in order; gives how many are errors.

    Lines go to a file beside `out` that is renamed at
    the end; where there is one of the same `key` (the model's), the run goes on after its last
    whole line. Raises UserError out-unwritable, run-changed where that file is of other items, and
    what `lines` raises.
    """
    partial = out.with_name(f".{out.name}.{key[:12]}.partial")
    try:
        done = _done(partial, items)
        failed = sum("error" in line for line in done)
        for item, line in zip(items, done, strict=False):
            progress(item, "error" not in line)
        left = items[len(done) :]
        with partial.open("a", encoding="utf-8") as file:
            for item, made in zip(left, lines(left) if left else (), strict=True):
                file.write(made.text + "\n")
                file.flush()
                failed += made.failed
                progress(item, not made.failed)
        partial.replace(out)
    except OSError as error:
        raise UserError("out-unwritable", path=out, reason=error.strerror) from error
    return failed


def here(run: Run, inputs: Ports, outputs: Ports) -> Lines:
    """One item after the other, in this process."""
    return lambda items: (line(item, run, inputs, outputs) for item in items)


def line(item: Item, run: Run, inputs: Ports, outputs: Ports) -> Line:
    """Runs the item. Raises UserError pillow-missing, and bugs of ours."""
    try:
        found = answer(run(item.inputs(inputs)), outputs)
    except UserError as error:
        if error.slug == "pillow-missing":  # which no other item could do without
            raise
        found = {"error": error.told}
    return Line(json.dumps({"input": item.name, **found}, allow_nan=False), "error" in found)


def answer(outputs: Mapping[str, Any], ports: Ports) -> dict[str, Any]:
    """Outputs as JSON, and the best classes of those that have labels."""
    classes = classified(outputs, ports)
    return {"outputs": as_json(outputs, ports), **({"classes": classes} if classes else {})}


def _done(partial: Path, items: Sequence[Item]) -> list[dict[str, Any]]:
    """The whole lines of an interrupted run; a last one that was cut is removed."""
    if not partial.is_file():
        return []
    text = partial.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        partial.write_bytes(whole)
    try:
        lines: list[dict[str, Any]] = [json.loads(line) for line in whole.splitlines()]
        same = [line["input"] for line in lines] == [item.name for item in items[: len(lines)]]
    except (ValueError, LookupError, TypeError):
        same = False
    if not same:
        raise UserError("run-changed", path=partial)
    return lines
