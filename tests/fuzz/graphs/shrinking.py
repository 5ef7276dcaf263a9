"""A program that fails in, one with as few calls as possible that fails out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from fuzz.graphs.drawing import SIZES, is_valid
from fuzz.graphs.module import Made, Result
from fuzz.graphs.program import Call, Input, Program, Ref


def shrunk(program: Program, fails: Callable[[Program], bool]) -> Program:
    """Every step is tried until none helps."""
    changed = True
    while changed:
        changed = False
        for smaller in _smaller(program):
            if is_valid(smaller) and fails(smaller):
                program, changed = smaller, True
                break
    return program


def _smaller(program: Program) -> Iterator[Program]:
    """One output; a call's results as outputs instead; a call left out, replaced by what it was
    called on or by an input; static sizes."""
    if len(program.outputs) > 1:
        for ref in program.outputs:
            yield without_dead(replace(program, outputs=(ref,)))
    shapes = _shapes(program)
    places = [index for index, node in enumerate(program.nodes) if isinstance(node, Call)]
    for index in places:
        if (index, 0) not in program.outputs and (index, 0) in shapes[0]:
            yield without_dead(replace(program, outputs=((index, 0),)))
    for index in reversed(places):
        yield from _without(program, index, shapes)
    if program.symbols:
        nodes = tuple(_static(node) if isinstance(node, Input) else node for node in program.nodes)
        yield replace(program, nodes=nodes)


Shapes = list[dict[Ref, tuple[torch.Size, torch.dtype]]]


def _without(program: Program, index: int, shapes: Shapes) -> Iterator[Program]:
    call = program.nodes[index]
    assert isinstance(call, Call)
    made = shapes[0][index, 0]
    for ref in call.on:
        if shapes[0][ref] == made:
            yield _redirected(program, index, ref)
    size = _size(program, [shape[index, 0] for shape in shapes])
    if call.on and size is not None:
        nodes = list(program.nodes)
        nodes[index] = Input(size, made[1], seed=index)
        yield without_dead(replace(program, nodes=tuple(nodes)))


def _size(
    program: Program, found: list[tuple[torch.Size, torch.dtype]]
) -> tuple[int | str, ...] | None:
    """The shape of an input that may stand for a result of those shapes."""
    size: list[int | str] = []
    for several in zip(*(shape for shape, _ in found), strict=True):
        names = [n for n in program.symbols if several == tuple(sizes[n] for sizes in SIZES)]
        if len(set(several)) > 1 and not names:
            return None
        size.append(several[0] if len(set(several)) == 1 else names[0])
    return tuple(size)


def _redirected(program: Program, index: int, to: Ref) -> Program:
    """Whoever read the call's first result reads `to`."""

    def redirect(refs: tuple[Ref, ...]) -> tuple[Ref, ...]:
        return tuple(to if ref == (index, 0) else ref for ref in refs)

    nodes = tuple(
        replace(node, on=redirect(node.on)) if isinstance(node, Call) and place != index else node
        for place, node in enumerate(program.nodes)
    )
    return without_dead(Program(nodes, redirect(program.outputs)))


def without_dead(program: Program) -> Program:
    """Without what no output needs; calls that change their tensor are needed where that is."""
    needed = {ref[0] for ref in program.outputs}
    for index in reversed(range(len(program.nodes))):
        node = program.nodes[index]
        if isinstance(node, Call) and index in needed:
            needed |= {ref[0] for ref in node.on}
    nodes = tuple(node if i in needed else None for i, node in enumerate(program.nodes))
    return replace(program, nodes=nodes)


def _static(given: Input) -> Input:
    shape = tuple(SIZES[0][size] if isinstance(size, str) else size for size in given.shape)
    return replace(given, shape=shape)


def _shapes(program: Program) -> Shapes:
    """Of every result, at each of the sizes."""
    found: Shapes = []
    for sizes in SIZES if program.symbols else SIZES[:1]:
        results: dict[int, Result] = {}
        given = program.make(sizes)
        places = [i for i, node in enumerate(program.nodes) if isinstance(node, Input)]
        for place, tensor in zip(places, given, strict=True):
            results[place] = (tensor,)
        with torch.no_grad():
            Made(program, results.__setitem__)(*given)
        found.append(
            {
                (index, i): (one.shape, one.dtype)
                for index, result in results.items()
                for i, one in enumerate(result)
            }
        )
    return found
