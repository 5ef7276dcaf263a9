"""This tool and its peers in, side by side in headless Chromium, tables and results.json out.

    python -m bench [--models core,yolov8n_320] [--systems ours,ort] [--threads 1,2] [--rounds 5]

Converted models and packages are cached by content under build/bench, so that a rerun only
measures. Each model's entry in results.json is replaced by a run of that model (`--append` adds
rounds to it), so that a long measurement can be made in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from rich.console import Console

from bench import machine, peers, rounds
from bench.models import CORE, MODELS
from bench.results import DEFAULT, Results, load
from bench.systems import SYSTEMS
from bench.tables import grids
from wasm_torch_web.cli.options import Counts

Read = Callable[[click.Context, click.Parameter, str], list[str]]


def names(table: Iterable[str]) -> Read:
    """Reads a list of names, all of which `table` knows; `all` stands for all of them."""
    known = list(table)

    def read(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
        chosen = []
        for word in value.split(","):
            group = {"all": known, "core": list(CORE)}.get(word, [word])
            unknown = [name for name in group if name not in known]
            if unknown:
                raise click.BadParameter(f"{unknown[0]} is none of {', '.join(known)}")
            chosen += group
        return list(dict.fromkeys(chosen))

    return read


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--models", default="all", callback=names(MODELS), help="Names, core or all.")
@click.option("--systems", default="all", callback=names(SYSTEMS), help="Names or all.")
@click.option("--threads", type=Counts(), default="1,2", show_default=True)
@click.option("--rounds", "count", default=5, help="Visits of each.", show_default=True)
@click.option("--prepare", is_flag=True, help="Convert and build only.")
@click.option("--append", is_flag=True, help="Add rounds to what was measured before.")
@click.option("--results", "path", type=click.Path(path_type=Path), default=DEFAULT)
def main(
    models: list[str],
    systems: list[str],
    threads: tuple[int, ...],
    count: int,
    prepare: bool,
    append: bool,
    path: Path,
) -> None:
    """Measures wasm-torch-web and its peers side by side."""
    console = Console()

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    peers.install_libraries()
    peers.install_converters()
    turns = [
        rounds.Turn(model, SYSTEMS[system], number)
        for model in models
        for number in threads
        for system in systems
    ]
    results = load(path) if path.is_file() else Results(machine.describe())
    results.machine = machine.describe()
    if not append:
        for model in models:
            results.models.pop(model, None)
    rounds.prepare(turns, results, say)
    if prepare:
        return
    for model in models:
        results.measured[model] = results.machine["date"]

    def tell(line: str) -> None:
        say(line)
        results.save(path)  # an interrupted measurement keeps what it has

    rounds.run(turns, count, results, tell)
    results.arrange(MODELS)
    for grid in grids(results, list(CORE)):
        console.print()
        console.print(grid.table())


if __name__ == "__main__":
    main()
