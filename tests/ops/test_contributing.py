"""The operator that CONTRIBUTING.md shows is the one that runs."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
SOURCES = {"python": "wasm_torch_web/ops/shape.py", "cpp": "csrc/kernels/shape.cc"}


def test_the_example_is_real_code() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"^   ```(python|cpp)\n(.*?)^   ```", text, re.MULTILINE | re.DOTALL)
    assert [language for language, _ in blocks] == ["python", "cpp"]
    for language, block in blocks:
        source = (ROOT / SOURCES[language]).read_text()
        for part in re.split(r"\n{2,}", dedent(block).strip()):
            assert part in source, part
