"""Many items in, their lines out, made by the workers of a Ray cluster.

Ray Data hands out the items, a block at a time, to processes that each load the package once and
run it in wasmtime. One that ends is started again, and its block is done anew.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wasm_torch_web.engine import batch, files
from wasm_torch_web.engine.files import Item
from wasm_torch_web.engine.model import load
from wasm_torch_web.engine.runners import Limits
from wasm_torch_web.errors import UserError, WtwError, summary

LOCAL = "local"
# Ray reads these where it is imported or started: no telemetry; one of this machine alone is
# heard on 127.0.0.1 only (which Ray does by default where it has no clusters).
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# A block is what is lost with its worker, and what appears at once.
BLOCKS = 8  # of a worker, at least
MOST_ITEMS = 64  # of a block


@contextmanager
def lines(
    package: Path, limits: Limits, address: str | None, workers: int | None
) -> Iterator[batch.Lines]:
    """Lines from the cluster at `address`, else from one of this machine that ends with it.

    `workers` processes, else one for each core. Package and items must lie at the same path on
    every node. Raises UserError extra-needed, cluster-failed; what a package or an item raises.
    """
    given = (package.resolve(), limits)
    with connected(address, workers):
        yield lambda items: _mapped(items, workers, given)


@contextmanager
def connected(address: str | None, workers: int | None = None) -> Iterator[None]:
    """This process is a driver of the cluster, unless it is one already."""
    os.environ.update(QUIET | ({} if address else ALONE))
    if find_spec("ray") is None or find_spec("pyarrow") is None:
        raise UserError("extra-needed", option="--engine ray", extra="ray")
    import ray

    if ray.is_initialized():
        yield
        return
    own: dict[str, Any] = {} if address else {"num_cpus": workers, "include_dashboard": False}
    # Of a worker that has died Ray tells on standard output, which is for results.
    with redirect_stdout(sys.stderr):
        with _signals_kept():
            try:
                ray.init(address or LOCAL, log_to_driver=False, logging_level="ERROR", **own)
            except (OSError, ValueError, RuntimeError) as error:
                raise UserError("cluster-failed", reason=summary(error)) from error
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is not before:
            signal.signal(signal.SIGTERM, before)


def _mapped(
    items: Sequence[Item], workers: int | None, given: tuple[object, ...]
) -> Iterator[batch.Line]:
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    cores = int(ray.cluster_resources().get("CPU", 0))
    if cores == 0:
        raise UserError("cluster-failed", reason="it has no core to run on")
    size = min(workers or cores, cores, len(items))
    blocks = min(len(items), max(BLOCKS * size, len(items) // MOST_ITEMS))
    rows = [{"name": one.name, "path": str(one.path.resolve()), "line": one.line} for one in items]
    try:
        made = ray.data.from_items(rows, override_num_blocks=blocks).map(
            Worker,
            fn_constructor_args=given,
            compute=ActorPoolStrategy(size=size),
            num_cpus=1,
        )
        for row in made.iter_rows():
            if row["raised"]:
                raise UserError.relayed(**json.loads(row["raised"]))
            yield batch.Line(row["text"], row["failed"])
    except ray.exceptions.RayError as error:
        raise UserError("cluster-failed", reason=summary(error)) from error


class Worker:
    """Rows of items in, rows of their lines out, in a process of Ray's."""

    def __init__(self, package: Path, limits: Limits) -> None:
        self._package = package
        self._limits = limits
        self._line: Callable[[Item], batch.Line] | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """What ends the whole batch is a row too: Ray would wrap an exception in its own."""
        try:
            made = self._loaded()(Item(row["name"], Path(row["path"]), row["line"]))
        except WtwError as error:
            return {"text": "", "failed": True, "raised": json.dumps(error.told)}
        return {"text": made.text, "failed": made.failed, "raised": ""}

    def _loaded(self) -> Callable[[Item], batch.Line]:
        """The package is loaded for the first row, and kept."""
        if self._line is None:
            model = load(self._package, **self._limits._asdict())
            inputs, outputs = (files.ports_of(model.manifest, s) for s in ("inputs", "outputs"))
            self._line = lambda item: batch.line(item, model.run, inputs, outputs)
        return self._line
