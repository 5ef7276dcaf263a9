"""A Hugging Face tokenizer.json, or its folder, in; the file out once it looks like one."""

from __future__ import annotations

import json
from pathlib import Path

from wasm_torch_web.errors import UserError

FILE = "tokenizer.json"
MAX_BYTES = 64 << 20  # the largest known vocabularies, of 256,000 tokens, take half of it


def find(path: Path) -> Path:
    """The file itself. Raises UserError tokenizer-invalid; what it means, the page says."""
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        reason = f"the folder has no {FILE}" if path.is_dir() else "no file"
        raise UserError("tokenizer-invalid", path=path, reason=reason)
    if file.stat().st_size > MAX_BYTES:
        reason = f"more than {MAX_BYTES >> 20} MiB"
        raise UserError("tokenizer-invalid", path=file, reason=reason)
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise UserError("tokenizer-invalid", path=file, reason=reason) from error
    except (ValueError, RecursionError) as error:
        raise UserError("tokenizer-invalid", path=file, reason="not JSON") from error
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict) or "vocab" not in model:
        raise UserError("tokenizer-invalid", path=file, reason="no model with a vocabulary in it")
    return file
