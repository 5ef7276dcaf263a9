"""A torch.export archive in, a `Source` with its program and example inputs out."""

from __future__ import annotations

import json
import logging
import math
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.pt2_archive._package import PT2ArchiveReader

from wasm_torch_web.axes import DynamicAxis
from wasm_torch_web.errors import UserError, summary
from wasm_torch_web.sources import kept_axes
from wasm_torch_web.sources.audit import Refused, check_parts, check_payload, check_program
from wasm_torch_web.sources.detect import Kind
from wasm_torch_web.sources.objects import program_source
from wasm_torch_web.sources.source import Options, Source
from wasm_torch_web.sources.tensors import check_examples, check_tensors

# What torch's reader, and a look at what it has read, may raise.
_DAMAGED = (RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError)
_TABLES = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")


def read(path: Path, options: Options) -> Source:
    """Audits the archive (see `audit`), loads it and checks its tensors.

    Raises UserError pickle-refused, archive-type-missing, weights-suspicious, source-damaged,
    training-program.
    """
    program = load(path, options.trust_pickle)
    tensors = {**program.state_dict, **program.constants}
    plain = {name: value for name, value in tensors.items() if isinstance(value, torch.Tensor)}
    check_tensors(path, plain, path.stat().st_size)
    check_examples(path, program.example_inputs)
    source = program_source(program, None, options, path.stem)
    source.axes = _axes(path, program)
    return source


def load(path: Path, trust: bool = False) -> ExportedProgram:
    """The program, once the archive is found harmless, or without a look where it is trusted."""
    if not trust:
        _audit(path)
    return _load(path, trust)


def _audit(path: Path) -> None:
    """Reads the parts with the reader that loads them later, so that both see the same bytes."""
    try:
        with PT2ArchiveReader(str(path)) as archive:
            parts = archive.get_file_names()
            check_parts(parts)
            check_program(path, json.loads(archive.read_string("models/model.json")))
            for table in set(_TABLES).intersection(parts):  # PyTorch 2.8 had none
                config = json.loads(archive.read_string(table))
                check_payload(config)
                folder = table.rpartition("/")[0]
                for name, entry in config["config"].items():
                    record = archive.archive_file.get_record_size(f"{folder}/{entry['path_name']}")
                    _check_size(path, name, entry["tensor_meta"], record)
    except Refused as error:
        raise UserError("pickle-refused", path=path, reason=error) from error
    except _DAMAGED as error:
        raise _damaged(path, error) from error


def _check_size(path: Path, name: str, meta: dict[str, Any], record: int) -> None:
    """torch allocates what an empty record claims, so claims are compared before it loads."""
    sizes = [size["as_int"] for size in meta["sizes"]]
    if any(size < 0 for size in sizes) or math.prod(sizes) > record:  # bytes >= elements
        reason = f"{math.prod(sizes):,} elements do not fit in {record:,} bytes"
        raise UserError("weights-suspicious", path=path, name=name, reason=reason)
    if meta["device"]["type"] != "cpu":
        reason = f"it lies on the device {meta['device']['type']}; export the module on the CPU"
        raise UserError("weights-suspicious", path=path, name=name, reason=reason)


def _load(path: Path, trust: bool) -> ExportedProgram:
    try:
        with _weights_only(not trust), _quiet("torch.export"):
            return torch.export.load(path)
    except pickle.UnpicklingError as error:
        raise UserError("pickle-refused", path=path, reason=summary(error)) from error
    except Exception as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    kind = Kind.EXPORT.value
    return UserError("source-damaged", path=path, kind=kind, reason=summary(error))


def _axes(path: Path, program: ExportedProgram) -> tuple[DynamicAxis, ...]:
    """What `wasm_torch_web.save` has kept; other archives keep nothing."""
    part = f"extra/{kept_axes.PART}"
    with PT2ArchiveReader(str(path)) as archive:
        text = archive.read_string(part) if part in archive.get_file_names() else ""
    try:
        return kept_axes.from_text(text, program) if text else ()
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error


@contextmanager
def _weights_only(on: bool) -> Iterator[None]:
    """torch.export.load retries a pickle without `weights_only`; torch's own switch forbids it."""
    switch = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(switch)
    if on:
        os.environ[switch] = "1"
    try:
        yield
    finally:
        if on and before is None:
            del os.environ[switch]
        elif before is not None:
            os.environ[switch] = before


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Mutes a logger: endings other than .pt2 are fine here, and errors are reported coded."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
