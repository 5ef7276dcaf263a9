"""A Hugging Face folder (config.json and safetensors) in, a `Source` with its model out."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from wasm_torch_web import tokenizer
from wasm_torch_web.errors import UserError, summary
from wasm_torch_web.sources.detect import INDEX
from wasm_torch_web.sources.objects import module_source
from wasm_torch_web.sources.source import Options, Source
from wasm_torch_web.sources.text_axes import text_axes

PREPROCESSOR = "preprocessor_config.json"


def read(path: Path, options: Options) -> Source:
    """Loads the model of the architecture that config.json names, from safetensors alone.

    Code that a folder carries is never run. Examples are the model's `dummy_inputs`, and the axes
    of texts are dynamic, unless `--input` says otherwise. Raises UserError package-needed,
    source-damaged, source-unknown, state-dict-mismatch.
    """
    if not any(path.glob("*.safetensors")):
        reason = "a Hugging Face folder without .safetensors weights"
        raise UserError("source-unknown", path=path, reason=reason)
    notices: list[str] = []
    model = _load(path, notices)
    examples = _examples(model)
    name = path.resolve().name
    source = module_source(model, ((), examples) if examples else None, options, name)
    source.notices[:0] = notices
    if not options.inputs and not options.recorded:
        source.axes = tuple(text_axes(model, examples))
    source.preprocess = _preprocess(path)
    if (path / tokenizer.FILE).exists():
        try:
            source.tokenizer = tokenizer.find(path)
        except UserError as error:
            source.notices.append(f"The tokenizer stays out of the package: {error}.")
    return source


def files(path: Path) -> list[Path]:
    """Those that make the package: configuration, tokenizer and weights, with their index."""
    names = ("config.json", PREPROCESSOR, tokenizer.FILE, INDEX)
    present = [path / name for name in names if (path / name).is_file()]
    return [*present, *sorted(path.glob("*.safetensors"))]


def _preprocess(path: Path) -> Any:
    """What the folder says of preprocessing; a file that is none says nothing."""
    file = path / PREPROCESSOR
    try:
        return json.loads(file.read_bytes()) if file.is_file() else None
    except (ValueError, RecursionError):
        return None


def _load(path: Path, notices: list[str]) -> torch.nn.Module:
    try:
        transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise UserError("package-needed", path=path, package="transformers") from error
    try:
        names = json.loads((path / "config.json").read_bytes()).get("architectures") or [""]
        with _no_progress_bar(transformers):
            model, info = _class(transformers, names[0]).from_pretrained(
                path,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:
        kind = "Hugging Face folder"
        raise UserError("source-damaged", path=path, kind=kind, reason=summary(error)) from error
    if missing := sorted(info["missing_keys"]):
        reason = f"{len(missing)} missing: {', '.join(missing[:3])}"
        raise UserError("state-dict-mismatch", path=path, reason=reason)
    if getattr(model.config, "use_cache", False) and model.can_generate():
        notices.append("The model's cache of keys and values is switched off (use_cache).")
    model.config.use_cache = False
    assert isinstance(model, torch.nn.Module)
    return model


@contextmanager
def _no_progress_bar(transformers: Any) -> Iterator[None]:
    """transformers draws its own on stderr."""
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _class(transformers: Any, name: str) -> Any:
    """The model class of that name, else the one that AutoModel finds."""
    found = getattr(transformers, name, None)
    if isinstance(found, type) and issubclass(found, transformers.PreTrainedModel):
        return found
    return transformers.AutoModel


def _examples(model: Any) -> dict[str, torch.Tensor]:
    examples: dict[str, torch.Tensor] = dict(getattr(model, "dummy_inputs", None) or {})
    parameters = inspect.signature(model.forward).parameters
    if "input_ids" in examples and "attention_mask" in parameters:
        examples.setdefault("attention_mask", torch.ones_like(examples["input_ids"]))
    return {name: value for name, value in examples.items() if name in parameters}
