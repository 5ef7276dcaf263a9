"""What judges of packages say: npm itself, publint, arethetypeswrong, TypeScript old and new."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.compatibility import record
from support.installed import new_project, run
from support.tools import binary, install, version
from support.typed import RESOLUTIONS, check_right, check_wrong, typed_project


def test_npm_would_publish_it_without_a_warning(package: Path) -> None:
    command = ["npm", "publish", "--dry-run", "--tag", "next", "--loglevel", "warn"]
    result = subprocess.run(command, cwd=package, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    # Without an account npm says where it would have published.
    expected = ("This command requires you to be logged in", "user config")
    said = [line for line in result.stderr.splitlines() if not any(e in line for e in expected)]
    assert said == []


def test_publint(package: Path, project: Path) -> None:
    install(project, "publint")
    said = run(binary(project, "publint"), "run", str(package), "--strict", cwd=project)
    assert "All good!" in said, said
    record(f"publint {version(project, 'publint')}", "", "package", "passes", section="judges")


def test_are_the_types_wrong(tarball: Path, project: Path) -> None:
    install(project, "@arethetypeswrong/cli")
    said = run(binary(project, "attw"), str(tarball), "--no-emoji", cwd=project)
    assert "No problems found" in said, said
    host = f"arethetypeswrong {version(project, '@arethetypeswrong/cli')}"
    record(host, "", "types", "passes", section="judges")


@pytest.mark.parametrize("release", ["5.0", "5.9", "latest"])
def test_typescript(tarball: Path, tmp_path: Path, release: str) -> None:
    tools = new_project(tmp_path / "tools", tarball)
    install(tools, f"typescript@{release}")
    tsc, project = Path(binary(tools, "tsc")), typed_project(tmp_path / "project")
    for resolution in RESOLUTIONS:
        check_right(tsc, project, resolution)
    check_wrong(tsc, project)
    oldest = ", the oldest" if release == "5.0" else ""
    host = f"TypeScript {version(tools, 'typescript')}{oldest}"
    record(host, "", ", ".join(RESOLUTIONS), "passes", section="judges")
