"""A file of labels and a manifest in; the entry `classes` of the output that they name out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasm_torch_web.errors import UserError

if TYPE_CHECKING:
    from wasm_torch_web.format.manifest import Manifest

SCORES = ("softmax", "sigmoid", "given")
MAX_BYTES = 16 << 20


def place_of_labels(spec: str) -> tuple[str | None, Path]:
    """`[OUTPUT=]FILE` as the two."""
    name, equals, file = spec.partition("=")
    if not equals or Path(spec).exists():
        return None, Path(spec)
    return name, Path(file)


def read_labels(path: Path) -> list[str]:
    """One label a line, or JSON: a list, or a dict from index to label.

    Raises UserError labels-invalid.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _invalid(path, f"more than {MAX_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _invalid(path, error.strerror or "it cannot be read") from error
    except UnicodeDecodeError as error:
        raise _invalid(path, "not UTF-8") from error
    labels = _of_json(path, text) if text.lstrip()[:1] in ("[", "{") else text.rstrip().splitlines()
    if not labels:
        raise _invalid(path, "it is empty")
    return [label.strip()[:4096] for label in labels]


def _of_json(path: Path, text: str) -> list[str]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid(path, "not JSON") from error
    if isinstance(content, dict):
        content = content.get("id2label", content)
        keys = [str(index) for index in range(len(content))]
        if set(content) != set(keys):
            raise _invalid(path, f"its keys are not the numbers from 0 to {len(content) - 1}")
        content = [content[key] for key in keys]
    # Keras writes pairs of an id and a label.
    labels = [item[-1] if isinstance(item, list) and item else item for item in content]
    if not all(isinstance(label, str) for label in labels):
        raise _invalid(path, "its labels are not all texts")
    return labels


def give_classes(manifest: Manifest, spec: str, scores: str = "softmax") -> None:
    """Gives the output named, or the only one with as many scores, its `classes`.

    Raises UserError labels-invalid.
    """
    name, path = place_of_labels(spec)
    labels = read_labels(path)
    outputs = manifest["programs"]["forward"]["outputs"]
    vectors = {port["name"]: port for port in outputs if port.get("shape") and _is_real(port)}
    known = ", ".join(f"{one} {port['shape']}" for one, port in vectors.items()) or "none"
    if name is not None and name not in vectors:
        raise _invalid(path, f"there is no output {name} with scores; they are: {known}")
    fitting = [
        port
        for one, port in vectors.items()
        if name in (None, one) and port["shape"][-1] == len(labels)
    ]
    if not fitting:
        raise _invalid(path, f"{len(labels)} labels, but the outputs with scores are: {known}")
    if len(fitting) > 1:
        raise _invalid(path, f"several outputs have {len(labels)} scores, name one: {known}")
    fitting[0]["classes"] = {"labels": labels, "scores": scores}


def _is_real(port: dict[str, Any]) -> bool:
    return str(port["dtype"]) in ("float32", "float64", "float16", "bfloat16")


def _invalid(path: Path, reason: str) -> UserError:
    return UserError("labels-invalid", path=path, reason=reason)
