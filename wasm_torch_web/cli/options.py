"""The options that several commands share, as click decorators."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wasm_torch_web.labels import SCORES
from wasm_torch_web.quantize.spec import KINDS, OBSERVERS
from wasm_torch_web.variants import VARIANTS

if TYPE_CHECKING:
    from wasm_torch_web.sources import Options

MAX_THREADS = 32
MOST_BYTES = 1 << 60
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
F = TypeVar("F", bound=Callable[..., Any])


class Bytes(click.ParamType[int]):
    """`512MB`, `2GB`, `1.5GiB`."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?", str(value).strip().lower())
        size = float(found[1]) * UNITS[found[2] or ""] if found else 0
        if not 1 <= size <= MOST_BYTES:
            self.fail(f"{value!r} is no size such as 512MB or 2GB.", param, ctx)
        return int(size)


class Finite(click.FloatRange):
    """A number; NaN is in no range, which comparisons do not find out."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        found: float = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return found


SECONDS = Finite(min=0, min_open=True, max=10_000_000)


class Counts(click.ParamType[tuple[int, ...]]):
    """Numbers of threads, separated by commas."""

    name = "N[,N...]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """`1,2` as (1, 2)."""
        words = str(value).split(",")
        if not all(word.isdecimal() and 1 <= int(word) <= MAX_THREADS for word in words):
            self.fail(f"{value!r} is not a list of numbers from 1 to {MAX_THREADS}.", param, ctx)
        return tuple(dict.fromkeys(map(int, words)))


def on_invalid(text: str) -> Callable[[F], F]:
    """`--on-invalid`, of what `text` says; None where it is not given."""
    return click.option("--on-invalid", type=click.Choice(("allow", "error")), help=text)


def everywhere(function: F) -> F:
    """`--json` and `--debug`; `main` reads both from the arguments themselves."""
    function = click.option(
        "--debug", is_flag=True, expose_value=False, help="Show the traceback of a bug of ours."
    )(function)
    return click.option(
        "--json", is_flag=True, expose_value=False, help="Print one JSON object on stdout."
    )(function)


def source_options(function: F) -> F:
    """How a SOURCE is read: `--model --input --import --trust-pickle`."""
    for option in reversed(
        (
            click.option(
                "--model",
                metavar="MODULE:FACTORY",
                help="The code that makes the module: package.module:factory or file.py:factory.",
            ),
            click.option(
                "--input",
                "inputs",
                metavar="NAME=SPEC",
                multiple=True,
                help="An example input: DTYPE:1x3x224x224, DTYPE[1,3,224,224](LO..HI) or "
                "@file.npy.",
            ),
            click.option(
                "--import",
                "imports",
                metavar="MODULE",
                multiple=True,
                help="Import a module first, for archives with custom types.",
            ),
            click.option(
                "--trust-pickle",
                is_flag=True,
                help="Run the code that a pickled file carries.",
            ),
        )
    ):
        function = option(function)
    return function


def dynamic_option(function: F) -> F:
    """`--dynamic`."""
    return click.option(
        "--dynamic",
        metavar="NAME.AXIS=SPEC",
        multiple=True,
        help="An axis that may change: MIN..MAX, or SYMBOL:MIN..MAX to tie axes.  [default: batch "
        "and sequence of a Hugging Face folder's texts, unless --input sizes them]",
    )(function)


def extras_options(function: F) -> F:
    """What a package has beside tensors: `--preprocess --labels --scores --tokenizer`."""
    for option in reversed(
        (
            click.option(
                "--preprocess",
                metavar="[INPUT=]SPEC",
                multiple=True,
                help="Let the input take pictures or sounds: image, with settings such as "
                "image:resize=256,crop=224 or the model's own, or audio:rate=16000.",
            ),
            click.option(
                "--labels",
                metavar="[OUTPUT=]FILE",
                help="What the classes are called, a line each or JSON: adds model.classify().",
            ),
            click.option(
                "--scores",
                type=click.Choice(SCORES),
                default=SCORES[0],
                show_default=True,
                help="What classify() makes of the output that has labels.",
            ),
            click.option(
                "--tokenizer",
                type=click.Path(path_type=Path),
                help="A Hugging Face tokenizer.json (or its folder) to carry.  "
                "[default: that of a Hugging Face folder]",
            ),
        )
    ):
        function = option(function)
    return function


def package_options(function: F) -> F:
    """What is written, and how: `--name --version --license --author --no-verify --force
    --no-source-info`."""
    for option in reversed(
        (
            click.option("--name", help="The npm package's name; default: from SOURCE."),
            click.option("--version", help="The npm package's version.  [default: 0.1.0]"),
            click.option("--license", metavar="SPDX", help="The model's licence, such as MIT."),
            click.option("--author", help="The model's author: NAME, or 'NAME <MAIL> (ADDRESS)'."),
            click.option(
                "--no-verify", is_flag=True, help="Skip the check against PyTorch in Chromium."
            ),
            click.option("--force", is_flag=True, help="Replace --out whoever wrote it."),
            click.option(
                "--no-source-info", is_flag=True, help="Say nothing of the model's code and files."
            ),
        )
    ):
        function = option(function)
    return function


def quantize_options(default: str | None) -> Callable[[F], F]:
    """`--quantize --skip --max-error`."""

    def decorate(function: F) -> F:
        for option in reversed(
            (
                click.option(
                    "--quantize",
                    type=click.Choice([*KINDS]),
                    default=default,
                    show_default=default is not None,
                    help="Fewer bits for weights: fp16 halves the download, arithmetic stays "
                    "float32; dynamic makes products int8, their inputs in the run; static fixes "
                    "the ranges of inputs by calibration, and keeps bytes between layers; int8 is "
                    "static where it can be, else dynamic; auto finds a way for each weight, by "
                    "what it does to the outputs.",
                ),
                click.option(
                    "--skip",
                    metavar="PATTERN",
                    multiple=True,
                    help="Leave the weights of such names as they are, such as 'head.*'.",
                ),
                click.option(
                    "--max-error",
                    metavar="SHARE",
                    type=Finite(0, 1),
                    help="Fail where an output moves by more than this share of its norm; the "
                    "limit of auto.  [auto: 0.01]",
                ),
            )
        ):
            function = option(function)
        return function

    return decorate


def search_options(function: F) -> F:
    """`--target-size --calibration --observer --min-accuracy --eval --compare
    --report`."""
    for option in reversed(
        (
            click.option(
                "--target-size",
                "target",
                type=Bytes(),
                help="The most that the weights' files may take, such as 50MB: the most accurate "
                "mix that fits.",
            ),
            click.option(
                "--calibration",
                metavar="FILES",
                multiple=True,
                help="Real inputs to measure errors on: files and folders as `run --input` takes, "
                "or module:function, file.py:function that gives some.",
            ),
            click.option(
                "--observer",
                type=click.Choice(OBSERVERS),
                default=OBSERVERS[0],
                show_default=True,
                help="How much of what static has seen of a value its range covers: all; all but "
                "the outermost; what makes the squared error least.",
            ),
            click.option(
                "--min-accuracy",
                metavar="SCORE",
                type=float,
                help="The least that the function of --eval may give.",
            ),
            click.option(
                "--eval",
                "evaluate",
                metavar="MODULE:FUNCTION",
                help="A function that takes the model, model(x=array) -> dict of arrays, and "
                "gives a number: the higher, the better.",
            ),
            click.option(
                "--compare",
                "others",
                type=click.Choice([*KINDS]),
                multiple=True,
                help="Build and measure this beside it.",
            ),
            click.option(
                "--report",
                metavar="FILE.svg",
                type=click.Path(path_type=Path, dir_okay=False),
                help="Draw the comparison.",
            ),
        )
    ):
        function = option(function)
    return function


def variant_option(function: F) -> F:
    """`--variant` of a command that takes one."""
    return click.option(
        "--variant", type=click.Choice(VARIANTS), help="The runtime; default: the best one."
    )(function)


def variants_option(function: F) -> F:
    """`--variant` of a command that takes several."""
    return click.option(
        "--variant",
        "variants",
        metavar="NAME",
        type=click.Choice([*VARIANTS, "all"]),
        multiple=True,
        help=f"A runtime variant: {', '.join(VARIANTS)} or all.  [default: the best]",
    )(function)


def chosen_variants(variants: tuple[str, ...]) -> tuple[str, ...] | None:
    """None where the browser shall choose."""
    return VARIANTS if "all" in variants else variants or None


def read_options(
    model: str | None, inputs: tuple[str, ...], imports: tuple[str, ...], trust_pickle: bool
) -> Options:
    """The options of `source_options` as the readers take them."""
    from wasm_torch_web.sources import Options

    return Options(model, inputs, imports, trust_pickle)
