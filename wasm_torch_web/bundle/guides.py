"""The manifest in, the README's sections on pictures, sounds, labels and texts out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wasm_torch_web.bundle.escape import code, js_key, js_string
from wasm_torch_web.bundle.templates import fill
from wasm_torch_web.bundle.types import is_single
from wasm_torch_web.format.manifest import Manifest

Port = dict[str, Any]

# What each of them is called in a call.
RAW = {"image": "picture", "audio": "sound"}
# Inputs of Hugging Face's models of texts, and what the tokenizer calls them.
TOKENS = {
    "input_ids": "ids",
    "attention_mask": "attention_mask",
    "token_type_ids": "token_type_ids",
}


def guides(manifest: Manifest, has_tokenizer: bool, shown: str) -> str:
    """`shown` is the line that prints an output."""
    sections = [*_raw_inputs(manifest), *_labels(manifest)]
    if has_tokenizer:
        sections.append(_texts(manifest, shown))
    return "".join(sections)


def _raw_inputs(manifest: Manifest) -> Iterator[str]:
    inputs = manifest["programs"]["forward"]["inputs"]
    for port in inputs:
        settings = port.get("preprocess")
        if settings is None:
            continue
        yield fill(
            f"{settings['kind']}.md",
            input=code(port["name"]),
            call=_call(inputs),
            settings=_SETTINGS[settings["kind"]](settings),
            batch="A list of them makes a batch. " if _is_batch(port) else "",
        )


def _is_batch(port: Port) -> bool:
    """Whether it takes several pictures, or another number of them than one."""
    return len(port["shape"]) == 4 and port["shape"][0] != 1


def _call(inputs: list[Port]) -> str:
    """The inside of the object for `run`; tensors are those of the snippets above."""
    named = [f"{js_key(port['name'])}: {RAW[port['preprocess']['kind']]}" for port in _raw(inputs)]
    others = [] if len(named) == len(inputs) else ["...inputs"]
    return ", ".join([*others, *named])


def _raw(inputs: list[Port]) -> list[Port]:
    return [port for port in inputs if "preprocess" in port]


def _image_settings(settings: dict[str, Any]) -> str:
    resize, crop = settings.get("resize", []), settings.get("crop")
    size = " x ".join(map(str, resize))
    edge = "to" if len(resize) == 2 else "the shorter edge to"
    steps = [
        f"resized ({settings['interpolation']}), {edge} {size}" if resize else "",
        f"cropped to the middle {' x '.join(map(str, [*crop, *crop][:2]))}" if crop else "",
        _rescaled(settings["rescale"]),
        f"less {_numbers(settings['mean'])}" if any(settings["mean"]) else "",
        f"divided by {_numbers(settings['std'])}" if set(settings["std"]) != {1} else "",
        f"channels {settings['channels']}, {settings['layout']}",
    ]
    return ", ".join(step for step in steps if step)


def _rescaled(factor: float) -> str:
    if factor == 1:
        return ""
    if 1 / factor == round(1 / factor):
        return f"bytes divided by {round(1 / factor)}"
    return f"bytes times {factor:.6g}"


def _audio_settings(settings: dict[str, Any]) -> str:
    rate, length, window = (settings.get(key) for key in ("rate", "length", "window"))
    steps = [
        f"{rate} samples a second",
        f"cut or filled up with silence to {length} samples" if length else "",
        f"in windows of {window}, {settings.get('hop', window)} apart" if window else "",
        "each row with mean 0 and variance 1" if settings.get("normalize") else "",
    ]
    return ", ".join(step for step in steps if step)


def _numbers(values: list[float]) -> str:
    return " / ".join(f"{value:.6g}" for value in values)


_SETTINGS = {"image": _image_settings, "audio": _audio_settings}


def _labels(manifest: Manifest) -> Iterator[str]:
    forward = manifest["programs"]["forward"]
    for port in forward["outputs"]:
        if (classes := port.get("classes")) is None:
            continue
        labels = classes["labels"]
        best = f"{{ label: {js_string(labels[0])}, index: 0, score: 0.71 }}"
        yield fill(
            "classes.md",
            call=_call(forward["inputs"]),
            count=f"{len(labels):,}",
            output=code(port["name"]),
            scores=classes["scores"],
            rows="" if is_single(port) else ", a list for each row",
            example=f"[{best}, ...]" if is_single(port) else f"[[{best}, ...]]",
        )


def _texts(manifest: Manifest, shown: str) -> str:
    """A whole snippet where the inputs are those of Hugging Face's models."""
    name, forward = manifest["name"], manifest["programs"]["forward"]
    names = [port["name"] for port in forward["inputs"]]
    if not names or not all(map(_takes_tokens, forward["inputs"])):
        return f"\n{fill('tokenizer.md', name=name)}"
    options = ", { return_token_type_ids: true }" if "token_type_ids" in names else ""
    call = "".join(f"  {one}: {{ data: tokens.{TOKENS[one]}, shape }},\n" for one in names)
    return fill("tokens.md", name=name, call=call, options=options, print=shown)


def _takes_tokens(port: Port) -> bool:
    """One text of any length."""
    match port.get("shape"):
        case [1 | str(), str()]:
            return port["name"] in TOKENS
    return False
