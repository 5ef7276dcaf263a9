"""What the attacks of `bad_inputs` share: code that would run, and the check that it is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.models import edit_zip, write_archive

from wasm_torch_web.errors import UserError
from wasm_torch_web.sources import Options, load

X = ("x=float32:2x3",)


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch ran",)


def refused(path: Path, slug: str, options: Options | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        source = load(path, options)
        source.reference(source.args, source.kwargs)
    assert caught.value.slug == slug, caught.value
    assert "\n" not in caught.value.message
    return caught.value


def in_program(tmp_path: Path, edit: Callable[[dict], None]) -> Path:
    """An archive whose model.json was edited."""

    def change(data: bytes) -> bytes:
        document = json.loads(data)
        edit(document)
        return json.dumps(document).encode()

    whole = write_archive(tmp_path / "whole.pt2")
    return edit_zip(whole, tmp_path / "evil.pt2", {"models/model.json": change})
