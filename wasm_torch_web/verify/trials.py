"""A manifest and golden inputs in, the inputs to compare on out: golden ones and fresh random ones.

Dynamic sizes are tried as in the example, at their minimum, at one where that is allowed, at
another size inside their range, and where they make an axis inside the model 0 or 1.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.verify.random import Random, bounds
from wasm_torch_web.verify.reference import Flat
from wasm_torch_web.verify.sizes import Sizes, evaluate, names, shape_of

FIRST_SEED = 1000  # golden data uses small ones
STEP = 3  # from the example's size to the other one: odd sizes find more


@dataclass(frozen=True)
class Trial:
    """The named inputs of one run, or of several in a row (state is kept in between)."""

    title: str
    runs: tuple[Flat, ...]


def trials(manifest: Manifest, golden: Flat) -> list[Trial]:
    """What the parity check runs; the first are the known inputs: the example's or golden ones."""
    found = [Trial("known inputs", (golden,))]
    for index, (title, sizes) in enumerate(assignments(manifest, golden)):
        inputs = random_inputs(manifest, golden, sizes, FIRST_SEED * (index + 1))
        if inputs is not None:
            found.append(Trial(title, (inputs,)))
    found.insert(2, Trial("runs in a row", (golden, *found[1].runs, golden)))
    return found


def assignments(manifest: Manifest, golden: Flat) -> Iterator[tuple[str, Sizes]]:
    """Titles and sizes to try; the first are the example's."""
    example = example_sizes(manifest, golden)
    yield "random inputs", example
    symbols = [symbol for symbol in manifest["symbols"] if symbol["name"] in example]
    candidates = [
        {s["name"]: s["min"] for s in symbols},
        {s["name"]: min(max(1, s["min"]), s["max"]) for s in symbols},
        {s["name"]: _other(s, example[s["name"]], STEP + i) for i, s in enumerate(symbols)},
        *(example | sizes for sizes in _inner_ones(manifest, symbols)),
    ]
    seen: list[Sizes] = [example]
    for sizes in candidates:
        if sizes not in seen:
            seen.append(sizes)
            yield ", ".join(f"{name}={size}" for name, size in sizes.items()), sizes


def example_sizes(manifest: Manifest, golden: Flat) -> dict[str, int]:
    """The symbols that are a size of some input, with their values there."""
    names = {symbol["name"] for symbol in manifest["symbols"]}
    sizes: dict[str, int] = {}
    for port in manifest["programs"]["forward"]["inputs"]:
        value = golden[port["name"]]
        if isinstance(value, Tensor):
            sizes |= {
                size: given
                for size, given in zip(port["shape"], value.shape, strict=True)
                if size in names
            }
    return sizes


def _inner_ones(manifest: Manifest, symbols: Sequence[dict[str, Any]]) -> Iterator[dict[str, int]]:
    """The largest sizes that make a computed one, such as `2*T - 3`, 0 or 1.

    torch.export takes no size to be either: what is special about them shows nowhere else.
    """
    values = manifest["graph"]["values"]
    texts = {size for value in values for size in value["shape"] if isinstance(size, str)}
    for symbol in symbols:
        name, span = symbol["name"], range(symbol["min"], symbol["max"] + 1)
        for text in sorted(texts - {name}):
            for wanted in (0, 1):
                with suppress(ValueError):  # of other symbols
                    at = bisect_right(span, wanted, key=lambda n: evaluate(text, {name: n})) - 1
                    if at >= 0 and evaluate(text, {name: span[at]}) == wanted:
                        yield {name: span[at]}


def _other(symbol: dict[str, Any], size: int, step: int) -> int:
    """A size inside the range, unlike the example's where there is one."""
    if size + step <= symbol["max"]:
        return size + step
    return int(max(symbol["min"], size - step))


def _shapes(manifest: Manifest, golden: Flat, sizes: Sizes) -> dict[str, tuple[int, ...]] | None:
    """The inputs' shapes, or None where the sizes break a guard (or cannot be known)."""
    forward = manifest["programs"]["forward"]
    if sizes == example_sizes(manifest, golden):
        return {name: tuple(v.shape) for name, v in golden.items() if isinstance(v, Tensor)}
    try:
        decided = {symbol["name"] for symbol in manifest["symbols"] if "decided" in symbol}
        guards = [guard for guard in forward["guards"] if names(guard).isdisjoint(decided)]
        if not all(evaluate(guard, sizes) for guard in guards):
            return None
        ports = [port for port in forward["inputs"] if port["kind"] == "tensor"]
        return {port["name"]: shape_of(port, sizes) for port in ports}
    except ValueError:
        return None


def random_inputs(manifest: Manifest, golden: Flat, sizes: Sizes, seed: int) -> Flat | None:
    """Inputs of these sizes with the statistics of the known ones; None where a guard is broken."""
    shapes = _shapes(manifest, golden, sizes)
    if shapes is None:
        return None
    inputs: dict[str, Tensor | float] = {}
    for index, port in enumerate(manifest["programs"]["forward"]["inputs"]):
        name = port["name"]
        value = golden[name]
        if isinstance(value, Tensor):
            low, high = bounds(value, port.get("range"))
            value = Random(shapes[name], value.dtype, seed + index, low, high).tensor()
        inputs[name] = value
    return inputs
