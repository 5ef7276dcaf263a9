"""The packed package in Node, Deno and Bun, the newest of each, from the npm registry."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.compatibility import record
from support.installed import run
from support.scripts import DISPOSE, check_script, commonjs_script, module_script
from support.tools import binary, install

COMMANDS = {
    "node 20": ("node@20", ["node"]),
    "node 22": ("node@22", ["node"]),
    "node 24": ("node@24", ["node"]),
    "deno": ("deno", ["deno", "run", "--allow-read", "--allow-env", "--allow-sys"]),
    "bun": ("bun", ["bun", "run"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_runtime(package: Path, project: Path, name: str) -> None:
    specification, (tool, *arguments) = COMMANDS[name]
    install(project, specification)
    command = [binary(project, tool), *arguments]
    number = run(command[0], "--version", cwd=project).split("\n")[0].split()
    host = f"{tool.capitalize()} {next(word for word in number if '.' in word).lstrip('v')}"
    for kind, file, script in (
        ("ESM", "main.mjs", module_script(package)),
        ("CommonJS", "main.cjs", commonjs_script(package)),
        ("ESM, not disposed", "left.mjs", module_script(package).replace(DISPOSE, "")),
    ):
        variant = check_script(command, project, file, script)
        record(f"{host}, {kind}", "", variant, "passes", section="runtimes")
