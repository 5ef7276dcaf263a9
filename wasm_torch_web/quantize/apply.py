"""A simplified graph and what was asked for in, the same graph with fewer bits for weights out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from wasm_torch_web.errors import UserError
from wasm_torch_web.ir import Graph
from wasm_torch_web.quantize.dynamic import DYNAMIC
from wasm_torch_web.quantize.int4 import INT4
from wasm_torch_web.quantize.rounding import FP16
from wasm_torch_web.quantize.spec import KINDS, Mix, Spec
from wasm_torch_web.quantize.static import STATIC
from wasm_torch_web.quantize.way import Ranges, Way, Weight, constants

WAYS: dict[str, Way] = {way.name: way for way in (INT4, STATIC, DYNAMIC, FP16)}

Offers = Mapping[str, Mapping[str, Weight]]  # name of a weight -> way -> as it would be


def quantize(graph: Graph, spec: Spec) -> list[Weight]:
    """Every weight gets the first of the kind's ways that can take it. Gives those that could have
    fewer bits, and what became of each.

    Raises UserError quantize-skip for a pattern that names none of them.
    """
    chosen = uniform(offers(graph, spec), KINDS[spec.kind])
    apply(graph, mix_of(chosen), spec.ranges)
    return chosen


def mix_of(chosen: Sequence[Weight]) -> Mix:
    """Their ways."""
    return {one.name: one.way for one in chosen if not one.kept}


def offers(graph: Graph, spec: Spec) -> Offers:
    """What each way of the spec's kind makes of each weight. Raises UserError quantize-skip."""
    found: dict[str, dict[str, Weight]] = {}
    for name in KINDS[spec.kind]:
        for weight in WAYS[name].weights(graph, spec.ranges):
            found.setdefault(weight.name, {})[name] = skipped(weight, spec)
    check_skips(spec, {value.name for value in constants(graph)})
    return found


def skipped(weight: Weight, spec: Spec) -> Weight:
    """The weight, kept as it is where a pattern says so."""
    if not spec.skips(weight.name):
        return weight
    return replace(weight, stored=weight.bytes, kept="skipped")


def check_skips(spec: Spec, names: Collection[str]) -> None:
    """Raises UserError quantize-skip for a pattern that fits none of them."""
    for pattern in spec.skip:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UserError("quantize-skip", pattern=pattern)


def uniform(found: Offers, ways: Sequence[str]) -> list[Weight]:
    """Each weight in the first of these ways that can take it; where none can, as the last one
    that is for such weights tells."""
    chosen = []
    for offered in found.values():
        mine = [offered[way] for way in ways if way in offered]
        chosen += [next((one for one in mine if not one.kept), mine[-1])] if mine else []
    return chosen


def picked(found: Offers, mix: Mix) -> list[Weight]:
    """Each weight in the way that the mix has for it, where that can take it; else as it was."""
    chosen = []
    for name, offered in found.items():
        mine = offered.get(mix.get(name, ""))
        if mine is None:
            any_way = next(iter(offered.values()))
            kept = any_way.kept or "not chosen"
            mine = replace(any_way, stored=any_way.bytes, kept=kept)
        chosen.append(mine)
    return chosen


def apply(graph: Graph, mix: Mix, ranges: Ranges) -> None:
    """Makes each weight of the mix what its way makes of it, in place."""
    for way in WAYS.values():
        names = {name for name, chosen in mix.items() if chosen == way.name}
        if names:
            way.apply(graph, names, ranges)
