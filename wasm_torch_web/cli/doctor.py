"""`wasm-torch-web doctor`."""

from __future__ import annotations

from typing import Any

import click

from wasm_torch_web.cli.options import everywhere
from wasm_torch_web.cli.outcome import told
from wasm_torch_web.console import Console


@click.command("doctor", short_help="Tell what is found on this machine.")
@everywhere
@click.pass_obj
def command(console: Console) -> dict[str, Any]:
    """Tell what is found on this machine, and what is missing for what.

    \b
    wasm-torch-web doctor

    It is an error where something is missing that a build needs.
    """
    from wasm_torch_web import doctor

    checks = doctor.examine()
    console.print(doctor.table(checks))
    result = {"checks": [check.to_json() for check in checks]}
    with told(result):
        doctor.raise_if_missing(checks)
    return result
