"""A state dict or a pickled module (any format of torch.save, safetensors) in, a `Source` out."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from wasm_torch_web.errors import UserError, summary
from wasm_torch_web.sources import factory
from wasm_torch_web.sources.detect import INDEX, Kind, detect
from wasm_torch_web.sources.objects import from_module, module_source
from wasm_torch_web.sources.source import Options, Source
from wasm_torch_web.sources.state_dict import Weights, find_weights, fit
from wasm_torch_web.sources.tensors import check_tensors


def read_pickle(path: Path, options: Options) -> Source:
    """A file of torch.save: weights for `--model`, or a pickled module that is trusted.

    Raises UserError pickle-refused, pickle-needs-code, source-damaged, source-unknown, and those
    of `_source`.
    """
    content = _unpickle(path, options.trust_pickle)
    notices: list[str] = []
    if isinstance(content, Mapping):
        content = _weights(path, content, notices)
    if isinstance(content, torch.nn.Module):
        source = from_module(content, None, options)
        source.name = path.stem
        source.notices[:0] = notices
        return source
    if not isinstance(content, Mapping):
        reason = f"it holds a {type(content).__name__}, not a state dict"
        raise UserError("source-unknown", path=path, reason=reason)
    return _source(path, [path], content, options, notices)


def read_safetensors(path: Path, options: Options) -> Source:
    """One safetensors file for `--model`; raises UserError source-damaged and as `_source`."""
    return _source(path, [path], _tensors([path]), options, [])


def read_shards(path: Path, options: Options) -> Source:
    """A safetensors index, or its folder, for `--model`; raises UserError as `read_safetensors`."""
    files = shards(index_of(path))
    return _source(path, files, _tensors(files), options, [])


def _source(
    path: Path, files: list[Path], weights: Weights, options: Options, notices: list[str]
) -> Source:
    """Raises UserError weights-suspicious, model-needed, model-not-found, state-dict-mismatch."""
    check_tensors(path, weights, sum(file.stat().st_size for file in files))
    if options.model is None:
        raise UserError("model-needed", path=path)
    made = factory.make(options.model)
    fit(path, made.module, weights, notices)
    source = module_source(made.module, made.examples, options, path.stem)
    source.notices[:0] = notices
    source.preprocess = made.preprocess
    return source


def _weights(path: Path, content: Mapping[Any, Any], notices: list[str]) -> Any:
    found = find_weights(content, notices)
    if found is None:
        keys = ", ".join(sorted(str(key) for key in content)[:8]) or "none"
        reason = f"a checkpoint without a state dict; its keys are {keys}"
        raise UserError("source-unknown", path=path, reason=reason)
    return found


def _unpickle(path: Path, trust: bool) -> Any:
    try:
        # Code runs only where the user has said --trust-pickle.
        return torch.load(path, map_location="cpu", weights_only=not trust)  # nosec B614
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        if named or "Can only" in str(error) or "reduce" in str(error):
            reason = f"it names {named[1]}" if named else "it is more than a state dict"
            raise UserError("pickle-refused", path=path, reason=reason) from error
        raise _damaged(path, Kind.PICKLE, error) from error
    except (ImportError, AttributeError) as error:
        if not trust:
            raise _damaged(path, Kind.PICKLE, error) from error
        raise UserError("pickle-needs-code", path=path, reason=summary(error)) from error
    except Exception as error:
        raise _damaged(path, Kind.PICKLE, error) from error


def index_of(path: Path) -> Path:
    """The safetensors index that a folder holds, or that the path is."""
    return path / INDEX if path.is_dir() else path


def shards(index: Path) -> list[Path]:
    """The shards that an index names; they lie beside it. Raises UserError source-damaged."""
    kind = Kind.SHARDS.value
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(index, Kind.SHARDS, error) from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or "\\" in name:
            reason = f"the shard {name!r} does not lie beside it"
            raise UserError("source-damaged", path=index, kind=kind, reason=reason)
    files = [index.parent / name for name in sorted(names)]
    for shard in files:
        if detect(shard) is not Kind.SAFETENSORS:
            reason = f"{shard.name} is not a safetensors file"
            raise UserError("source-damaged", path=index, kind=kind, reason=reason)
    return files


def _tensors(files: list[Path]) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        try:
            tensors |= load_file(file)
        except (SafetensorError, OSError, ValueError, KeyError, AttributeError) as error:
            raise _damaged(file, Kind.SAFETENSORS, error) from error
    return tensors


def _damaged(path: Path, kind: Kind, error: Exception) -> UserError:
    return UserError("source-damaged", path=path, kind=kind.value, reason=summary(error))
