"""A seed in, a valid random program out: what PyTorch runs at every size."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from fuzz.graphs.draw import MODULE, Draw, Impossible
from fuzz.graphs.module import Made, Result
from fuzz.graphs.operators import OPERATORS
from fuzz.graphs.program import FLOATS, Call, Input, Node, Program, Ref, Sizes

# The first is what a program is built with; dynamic axes are n and m.
SIZES: tuple[Sizes, ...] = ({"n": 5, "m": 6}, {"n": 2, "m": 9}, {"n": 7, "m": 3}, {"n": 1, "m": 4})
MOST = 16  # of a dynamic axis
ELEMENTS = 20_000  # of a value
LARGEST = 1e4
TRIES = 8  # for each call
SHAPES: tuple[tuple[int | str, ...], ...] = (
    ("n", 4),
    ("n", "m", 8),
    ("n", 3, 9, 9),
    ("n", 8, 7, 7),
    (1, 4, "n", "m"),
    (3, 5),
    (2, 6, 8),
    (2, 5, 16),
    (1, 3, 12, 12),
    (2, 8, 6, 6),
    (1, 16, 5, 9),
    (1, 2, 4, 5, 6),
    (17,),
    (1, 1),
    (),
)
OFTEN = {"conv": 8, "linear": 3, "residual": 2, "join": 2, "norm": 2, "pool": 2, "attention": 3}


def draw(seed: int, longest: int = 20) -> Program:
    """Calls are drawn until there are enough; those that PyTorch refuses at any size are not."""
    r = random.Random(seed)
    nodes: list[Node] = [*_inputs(r, seed)]
    program = Program(tuple(nodes), ((0, 0),))
    names = list(OPERATORS)
    weights = [OFTEN.get(name, 1) for name in names]
    length = r.randint(1, longest)
    for _ in range(length * TRIES):
        if len(program.calls) == length:
            break
        values = _values(program)
        (name,) = r.choices(names, weights)
        call = _call(r, name, values)
        if call is None:
            continue
        longer = replace(program, nodes=(*program.nodes, call))
        if is_valid(longer):
            program = longer
    return replace(program, outputs=_outputs(r, _values(program)))


def _inputs(r: random.Random, seed: int) -> list[Input]:
    first = r.choice(SHAPES)
    shapes = [first]
    for _ in range(r.choice([0, 0, 1, 2])):
        shapes.append(first if r.random() < 0.5 else r.choice(SHAPES))
    if r.random() < 0.5:  # static
        shapes = [tuple(SIZES[0].get(str(size), size) for size in shape) for shape in shapes]
    dtypes = [torch.float32] * 8 + [torch.int64] * 3 + [torch.float16, torch.int32, torch.bool]
    made = [Input(shape, r.choice(dtypes), seed + i) for i, shape in enumerate(shapes)]
    return [replace(made[0], dtype=torch.float32), *made[1:]]


def _call(r: random.Random, name: str, values: Sequence[tuple[Ref, Tensor]]) -> Call | None:
    chosen = Draw(r, values)
    try:
        options = dict(OPERATORS[name].draw(chosen))
    except Impossible:
        return None
    module = options.pop(MODULE, None)
    return Call(name, tuple(chosen.on), options, module, seed=r.randrange(1 << 30))


def _values(program: Program) -> list[tuple[Ref, Tensor]]:
    """All that calls may use, as they are at the first sizes."""
    found: list[tuple[Ref, Tensor]] = []
    given = program.make(SIZES[0])
    places = [i for i, node in enumerate(program.nodes) if isinstance(node, Input)]
    found += [((i, 0), tensor) for i, tensor in zip(places, given, strict=True)]

    def watch(index: int, result: Result) -> None:
        found.extend(((index, i), tensor) for i, tensor in enumerate(result))

    with torch.no_grad():
        Made(program, watch)(*given)
    return found


def is_valid(program: Program) -> bool:
    """It runs at every size, with as many results, and its numbers are neither too many nor too
    large."""
    results: dict[int, int] = {}

    def watch(index: int, result: Result) -> None:
        if results.setdefault(index, len(result)) != len(result):
            raise ValueError
        for tensor in result:
            if not isinstance(tensor, Tensor) or not 0 < tensor.numel() <= ELEMENTS:
                raise ValueError
            if tensor.dtype in FLOATS and not bool((tensor.abs() < LARGEST).all()):
                raise ValueError

    for sizes in SIZES if program.symbols else SIZES[:1]:
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                Made(program, watch)(*program.make(sizes))
        except Exception:  # whatever PyTorch says of calls that make no sense
            return False
    return True


def _outputs(r: random.Random, values: Sequence[tuple[Ref, Tensor]]) -> tuple[Ref, ...]:
    """The last value, and some others."""
    refs = [ref for ref, _ in values]
    last = max(ref[0] for ref in refs)
    ends = [ref for ref in refs if ref[0] == last]
    return tuple(dict.fromkeys([*ends, *r.sample(refs, min(len(refs), r.choice([0, 0, 1, 2])))]))
