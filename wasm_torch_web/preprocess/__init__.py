"""`--preprocess`, and what a model's own code says of it, in; entries of the manifest's inputs out.

The package's JavaScript does what an entry says (js_runtime/src/images.ts, sounds.ts), as PIL and
torchaudio do it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wasm_torch_web.errors import UserError
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.preprocess import audio, image, offered
from wasm_torch_web.preprocess.spec import Refused, Spec, parse

Given = Sequence[str] | Mapping[str, Any]
Port = dict[str, Any]

_KINDS = {"image": image.entry, "audio": audio.entry}


def parse_specs(given: Given) -> list[Spec]:
    """What the user asked for: words of the command line, or input name -> words, or what
    `offered` knows. Raises UserError preprocess-spec."""
    if not isinstance(given, Mapping):
        return [parse(text) for text in given]
    return [_spec(name, wanted) for name, wanted in given.items()]


def _spec(name: str, wanted: Any) -> Spec:
    if isinstance(wanted, str):
        return parse(f"{name}={wanted}")
    text = f"{name}={type(wanted).__name__}"
    try:
        kind, settings = offered.settings(wanted)
    except Refused as error:
        raise UserError("preprocess-spec", spec=text, reason=error) from error
    return Spec(text, name, kind, settings)


def give_preprocessing(manifest: Manifest, wanted: Sequence[Spec], offer: Any) -> list[str]:
    """Gives inputs their entry `preprocess`; `offer` is what the model's code says, for what the
    user left open. Gives a sentence for each. Raises UserError preprocess-spec."""
    ports = manifest["programs"]["forward"]["inputs"]
    return [_attach(ports, spec, offer) for spec in wanted]


def _attach(ports: list[Port], spec: Spec, offer: Any) -> str:
    try:
        port = _port(ports, spec.name)
        known = _offered(offer, spec) if offer is not None else {}
        port["preprocess"] = _KINDS[spec.kind](port, {**known, **spec.settings})
    except Refused as error:
        raise UserError("preprocess-spec", spec=spec.text, reason=error) from error
    settings = {key: value for key, value in port["preprocess"].items() if key != "kind"}
    listed = ", ".join(f"{key} {_text(value)}" for key, value in settings.items())
    return f"The input {port['name']} takes {spec.kind}s: {listed}."


def _offered(offer: Any, spec: Spec) -> dict[str, Any]:
    """Nothing where the user's own words have to do: the offer is of another kind, or unknown."""
    try:
        kind, known = offered.settings(offer)
    except Refused:
        if not spec.settings:
            raise
        return {}
    return known if kind == spec.kind else {}


def _port(ports: list[Port], name: str | None) -> Port:
    """The input of that name, or the only one that is a tensor."""
    tensors = [port for port in ports if port["kind"] == "tensor"]
    found = [port for port in tensors if name in (None, port["name"])]
    names = ", ".join(port["name"] for port in tensors) or "none"
    if not found:
        what = "no input" if name is None else f"no input {name}"
        raise Refused(f"there is {what}; the tensors are: {names}")
    if len(found) > 1:
        raise Refused(f"there are several inputs, of which one must be named: {names}")
    if "preprocess" in found[0]:
        raise Refused(f"{found[0]['name']} is preprocessed already")
    return found[0]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "/".join(map(_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


__all__ = ["Given", "Spec", "give_preprocessing", "parse_specs"]
