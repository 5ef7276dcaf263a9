"""`wasm-torch-web run PKG`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from wasm_torch_web.cli.options import SECONDS, Bytes, everywhere, on_invalid
from wasm_torch_web.cli.outcome import told
from wasm_torch_web.console import Console, clean, columns

if TYPE_CHECKING:
    from wasm_torch_web.engine.invalid import OnInvalid
    from wasm_torch_web.engine.runners import Limits

RAY = "ray"


@click.command("run", short_help="Run a package here, without a browser.")
@click.argument("package", metavar="PKG", type=click.Path(path_type=Path))
@click.option(
    "--input",
    "inputs",
    metavar="[NAME=]FILE",
    multiple=True,
    help="Inputs: .json, .npy, .npz, a picture, .wav; or many runs: .jsonl, a folder of such "
    "files.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where outputs go: .json or .npz; of many runs .jsonl.  [default: a table of them]",
)
@click.option(
    "--engine",
    type=click.Choice(("wasmtime", "node", "chromium", RAY)),
    default="wasmtime",
    show_default=True,
    help="What runs the wasm; ray: many runs, in wasmtime on the workers of a Ray cluster.",
)
@click.option(
    "--ray-address",
    metavar="HOST:PORT",
    envvar="RAY_ADDRESS",
    help="A Ray cluster that runs already (also RAY_ADDRESS).  [default: one of this machine]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="How many processes of the Ray cluster.  [default: one for each core]",
)
@click.option("--memory-limit", type=Bytes(), help="The most its heap may take (wasmtime).")
@click.option(
    "--timeout",
    type=SECONDS,
    metavar="SECONDS",
    help="The most that a run may take.",
)
@on_invalid("Inputs that have NaN or infinity.  [default: allow]")
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    package: Path,
    inputs: tuple[str, ...],
    output: Path | None,
    engine: str,
    memory_limit: int | None,
    timeout: float | None,
    on_invalid: OnInvalid | None,
    ray_address: str | None,
    workers: int | None,
) -> dict[str, Any]:
    """Run a package on this machine: the same wasm in a sandbox, without a browser or PyTorch.

    \b
    wasm-torch-web run pkg --input x.npy --output y.npz
    wasm-torch-web run pkg --input x=x.npy --memory-limit 512MB --timeout 10
    wasm-torch-web run pkg --input photo.jpg
    wasm-torch-web run pkg --input rows.jsonl --output results.jsonl --engine node
    wasm-torch-web run pkg --input photos/ --output found.jsonl

    Pictures and sounds are prepared as in a page, where the package was built with --preprocess.
    Many runs go on where they were interrupted.
    """
    from wasm_torch_web.engine import files
    from wasm_torch_web.engine.runners import Limits

    many = len(inputs) == 1 and files.is_batch(Path(inputs[0]))
    check_output(output, many)
    if engine == RAY and not many:
        raise click.UsageError(f"--engine {RAY} is for many runs: a .jsonl file or a folder")
    if engine != RAY and workers is not None:
        raise click.UsageError(f"--workers needs --engine {RAY}")
    limits = Limits(memory_limit, timeout, on_invalid or "allow")
    if not many:
        return _once(console, package, inputs, output, engine, limits)
    assert output is not None
    return _often(console, package, Path(inputs[0]), output, engine, limits, ray_address, workers)


def _once(
    console: Console,
    package: Path,
    inputs: tuple[str, ...],
    output: Path | None,
    engine: str,
    limits: Limits,
) -> dict[str, Any]:
    from wasm_torch_web.engine import batch, classes, files, runners
    from wasm_torch_web.engine.records import dtype_of
    from wasm_torch_web.format import manifest as manifests

    manifest = manifests.read(package)
    given, taken = (files.ports_of(manifest, side) for side in ("inputs", "outputs"))
    with runners.opened(package, engine, limits) as run:
        outputs = run(files.gathered(inputs, given))
    if output is not None:
        files.write(output, outputs, taken)
        return {"output": str(output)}
    dtypes = {name: dtype_of(port) for name, port in taken.items()}
    console.print(table(outputs, dtypes))
    for name, found in classes.classified(outputs, taken).items():
        console.print(ranking(name, found))
    return batch.answer(outputs, taken)


def _often(
    console: Console,
    package: Path,
    source: Path,
    output: Path,
    engine: str,
    limits: Limits,
    address: str | None,
    workers: int | None,
) -> dict[str, Any]:
    from wasm_torch_web.engine import batch, cluster, files, runners
    from wasm_torch_web.errors import UserError
    from wasm_torch_web.format import manifest as manifests

    manifest = manifests.read(package)
    given, taken = (files.ports_of(manifest, side) for side in ("inputs", "outputs"))
    items = files.items(source, given)
    with ExitStack() as opened:
        if engine == RAY:
            lines = opened.enter_context(cluster.lines(package, limits, address, workers))
        else:
            run = opened.enter_context(runners.opened(package, engine, limits))
            lines = batch.here(run, given, taken)
        advance = opened.enter_context(console.counting("run", len(items)))
        key = manifest["plan"]["sha256"]
        failed = batch.run_all(items, lines, output, key, lambda item, _: advance(item.name))
    result = {"output": str(output), "runs": len(items), "failed": failed}
    console.print(f"{len(items)} runs, {failed} failed: {output}")
    with told(result):
        if failed:
            raise UserError("runs-failed", count=failed, path=output)
    return result


def check_output(output: Path | None, many: bool) -> None:
    """Raises UsageError for a file that cannot hold the outputs."""
    allowed = (".jsonl",) if many else (".json", ".npz")
    if many and output is None:
        raise click.UsageError("many runs need --output FILE.jsonl")
    if output is not None and output.suffix not in allowed:
        raise click.UsageError(f"--output {output}: not {' or '.join(allowed)}")


def table(outputs: Mapping[str, Any], dtypes: Mapping[str, str]) -> Table:
    """Each output with its first numbers."""
    found = columns("", "output", "dtype", "shape", "values")
    for name, value in outputs.items():
        shape = list(getattr(value, "shape", ()))
        first = value.reshape(-1)[:6].tolist() if hasattr(value, "reshape") else [value]
        text = ", ".join(f"{one:.6g}" if isinstance(one, float) else str(one) for one in first)
        more = " ..." if getattr(value, "size", 1) > len(first) else ""
        found.add_row(name, dtypes[name], str(shape), text + more)
    return found


def ranking(output: str, classes: list[Any]) -> Table:
    """The best classes of a row; of several rows the best one of each."""
    found = columns(output, "class", "score>")
    best = classes if classes and isinstance(classes[0], dict) else [row[0] for row in classes]
    for one in best:
        found.add_row(escape(clean(one["label"])), f"{one['score']:.4f}")
    return found
