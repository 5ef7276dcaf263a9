"""The README's snippet for Node as a script in, what Node, Deno or Bun make of it out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from .installed import expected_outputs, snippet

PRINT = (
    "console.log(JSON.stringify({ variant: model.info.variant, threads: model.info.threads,"
    " data: Array.from(outputs.output.data) }));\n"
)
DISPOSE = "await model.dispose();\n"


def module_script(package: Path) -> str:
    """As an ECMAScript module."""
    return snippet(package, "In Node", "js") + PRINT


def commonjs_script(package: Path) -> str:
    """As CommonJS."""
    first, *rest = snippet(package, "In Node", "js").splitlines(keepends=True)
    require = first.split("// or: ")[1]
    return f"{require}(async () => {{\n{''.join(rest)}{PRINT}}})();\n"


def check_script(command: Sequence[str | Path], project: Path, name: str, script: str) -> str:
    """Runs a script, which must end by itself, give PyTorch's outputs and say nothing else; gives
    the variant."""
    (project / name).write_text(script)
    result = subprocess.run(
        [*command, name], cwd=project, capture_output=True, text=True, timeout=120
    )
    assert (result.returncode, result.stderr) == (0, "")
    printed = json.loads(result.stdout.splitlines()[-1])
    assert printed["data"] == pytest.approx(expected_outputs(), abs=1e-5)
    variant: str = printed["variant"]
    return variant
