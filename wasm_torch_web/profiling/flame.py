"""A profile in, an HTML page with a flame chart out: modules inside modules, as wide as their time.

The page needs nothing else: no script, no font, no other file. Every text from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

from wasm_torch_web.console import clean
from wasm_torch_web.ops import ROWS
from wasm_torch_web.profiling.measure import Operator, Profile
from wasm_torch_web.profiling.report import totals

TEMPLATE = Path(__file__).with_name("flame.html")
ROW_PX = 26
NARROWEST = 0.0005  # of the width: less is not drawn

# Families of the operator table by what limits them; each group has a colour in flame.html.
GROUPS = {
    "products": (
        "convolution",
        "convolution_volume",
        "winograd",
        "gemm",
        "attention",
        "recurrent",
    ),
    "normalisation": ("normalization", "normalization_batch", "normalization_group", "softmax"),
    "elementwise": ("pointwise", "unary", "binary", "activation", "comparison"),
    "pooling and reduction": ("pooling", "reduction", "scan", "statistics", "upsample"),
}
MEMORY = "memory and the rest"


@dataclass
class Frame:
    """A module, or an operator (a leaf), in the order of execution."""

    name: str
    path: str = ""
    operator: Operator | None = None
    children: dict[str, Frame] = field(default_factory=dict)

    @property
    def milliseconds(self) -> float:
        """Its own, or of all inside."""
        if self.operator is not None:
            return self.operator.milliseconds
        return sum(child.milliseconds for child in self.children.values())

    @property
    def depth(self) -> int:
        """Rows that it takes."""
        return 1 + max((child.depth for child in self.children.values()), default=0)


def tree(profile: Profile) -> Frame:
    """The modules of a model, its operators as leaves."""
    root = Frame(profile.package)
    for one in profile.operators:
        frame = root
        for part in filter(None, one.module.split(".")):
            path = f"{frame.path}.{part}".lstrip(".")
            frame = frame.children.setdefault(part, Frame(part, path))
        # A blank keeps operators apart from modules, whose names have none.
        frame.children[f"{one.operator} {one.node}"] = Frame(one.operator, operator=one)
    return root


def page(profile: Profile) -> str:
    """The HTML document."""
    root = tree(profile)
    whole = root.milliseconds or 1.0
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=_text(profile.package),
        browser=_text(profile.browser),
        variant=_text(profile.variant),
        threads=profile.threads,
        runs=profile.runs,
        run=f"{profile.run:.2f}",
        operators=f"{profile.milliseconds:.2f}",
        count=len(profile.operators),
        limit=f"{profile.limit:.1f}",
        unit=_text(profile.unit),
        height=root.depth * ROW_PX,
        row=ROW_PX,
        frames="\n".join(_frames(profile, root, 0.0, 0, whole)),
        legend="\n".join(_legend()),
        totals="\n".join(_totals(profile)),
    )


def _frames(profile: Profile, frame: Frame, left: float, depth: int, whole: float) -> Iterator[str]:
    width = frame.milliseconds / whole
    if width < NARROWEST:
        return
    style = f"left:{left:.4%};width:{width:.4%};top:{depth * ROW_PX}px"
    yield (
        f'<div class="frame {_colour(frame)}" style="{style}" title="{_told(profile, frame)}">'
        f"{_text(frame.name)}</div>"
    )
    for child in frame.children.values():
        yield from _frames(profile, child, left, depth + 1, whole)
        left += child.milliseconds / whole


def _told(profile: Profile, frame: Frame) -> str:
    """What the pointer shows: lines of an attribute."""
    share = frame.milliseconds / (profile.milliseconds or 1.0)
    lines = [f"{frame.milliseconds:.3f} ms, {share:.1%}"]
    one = frame.operator
    if one is None:
        return "&#10;".join([_text(frame.path or frame.name), *lines])
    if one.gflops:
        lines.append(f"{one.gflops:.1f} GFLOP/s, {one.gflops / profile.limit:.0%} of the limit")
    shape = " x ".join(map(str, one.shape))
    lines += [text for text in (shape, one.module, one.source) if text]
    return "&#10;".join([_text(one.operator), *map(_text, lines)])


def _colour(frame: Frame) -> str:
    if frame.operator is None:
        return "module"
    row = ROWS.get(frame.operator.operator)
    names = [group for group, families in GROUPS.items() if row and row.family in families]
    return f"group-{list(GROUPS).index(names[0]) if names else len(GROUPS)}"


def _legend() -> Iterator[str]:
    for number, group in enumerate((*GROUPS, MEMORY)):
        yield f'<li><i class="group-{number}"></i>{group}</li>'


def _totals(profile: Profile) -> Iterator[str]:
    for total in totals(profile.operators):
        share = total.milliseconds / (profile.milliseconds or 1.0)
        yield (
            f"<tr><td>{_text(total.operator)}</td><td>{total.count}</td>"
            f"<td>{total.milliseconds:.3f}</td>"
            f'<td><i style="width:{share:.2%}"></i><b>{share:.1%}</b></td></tr>'
        )


def _text(text: str) -> str:
    return escape(clean(text), quote=True)
