"""The words of one `--preprocess` in, an input's name, a kind and its settings out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wasm_torch_web.errors import UserError

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
CHANNELS = ("RGB", "BGR", "L")
LAYOUTS = ("NCHW", "NHWC")
CENTERS = ("round", "floor")


class Refused(Exception):
    """Why settings cannot be: the reason of a UserError preprocess-spec."""


@dataclass(frozen=True)
class Spec:
    """What is wanted for one input.

    Attributes:
        text: as the user gave it, for messages.
        name: of the input; None for the only one.
        settings: as the manifest has them; None stands for "not at all".
    """

    text: str
    name: str | None
    kind: str
    settings: dict[str, Any]


def parse(text: str) -> Spec:
    """`[NAME=]image[:key=value,...]` or `[NAME=]audio:...`; raises UserError preprocess-spec."""
    found = re.fullmatch(r"(?:(?P<name>.+?)=)?(?P<kind>image|audio)(?::(?P<rest>.*))?", text)
    if found is None:
        raise UserError("preprocess-spec", spec=text, reason="neither image nor audio")
    name, kind, rest = found["name"], found["kind"], found["rest"]
    try:
        words = [word.strip() for word in (rest or "").split(",") if word.strip()]
        settings = dict(_setting(kind, word) for word in words)
    except Refused as error:
        raise UserError("preprocess-spec", spec=text, reason=error) from error
    return Spec(text, name and name.strip(), kind, settings)


def _setting(kind: str, word: str) -> tuple[str, Any]:
    key, equals, value = (part.strip() for part in word.partition("="))
    known = PARSERS[kind]
    if key not in known:
        raise Refused(f"there is no setting {key}; they are {', '.join(known)}")
    if not equals or not value:
        raise Refused(f"{key} needs a value")
    try:
        return key, known[key](value)
    except (ValueError, ZeroDivisionError) as error:
        raise Refused(f"{key}={value} is {EXPECTED[known[key]]}") from error


def count(text: str) -> int:
    """A number of samples or pixels."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def extent(text: str) -> list[int] | None:
    """One edge, height and width, or nothing."""
    if text == "none":
        return None
    sizes = [count(size) for size in text.split("x")]
    if len(sizes) > 2:
        raise ValueError(text)
    return sizes


def number(text: str) -> float:
    """A decimal number or a fraction."""
    over, _, under = text.partition("/")
    value = float(over) / float(under) if under else float(over)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def numbers(text: str) -> list[float]:
    """One for all channels, or one for each."""
    values = [float(one) for one in text.split("/")]
    if len(values) not in (1, 3) or not all(map(math.isfinite, values)):
        raise ValueError(text)
    return values


def flag(text: str) -> bool:
    """Whether something is done."""
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _choice(choices: tuple[str, ...]) -> Callable[[str], str]:
    def choose(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    EXPECTED[choose] = f"none of {', '.join(choices)}"
    return choose


EXPECTED: dict[Callable[[str], Any], str] = {
    count: "no whole number above 0",
    extent: "neither a size such as 224, nor height and width such as 224x320, nor none",
    number: "no number",
    numbers: "neither one number nor three such as 0.485/0.456/0.406",
    flag: "neither true nor false",
}

PARSERS: dict[str, dict[str, Callable[[str], Any]]] = {
    "image": {
        "resize": extent,
        "crop": extent,
        "interpolation": _choice(INTERPOLATIONS),
        "mean": numbers,
        "std": numbers,
        "rescale": number,
        "channels": _choice(CHANNELS),
        "layout": _choice(LAYOUTS),
        "center": _choice(CENTERS),
    },
    "audio": {
        "rate": count,
        "length": count,
        "window": count,
        "hop": count,
        "normalize": flag,
    },
}
