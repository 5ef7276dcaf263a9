"""Models, systems and numbers of threads in, what every visit of every round saw out.

The systems take turns on each model within each round, in the opposite order every other round, so
that what disturbs the machine disturbs them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from playwright.sync_api import Browser
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from bench import ROOT, artefacts, peers
from bench.artefacts import Unavailable
from bench.native import Native
from bench.results import Measured, Results
from bench.systems import SYSTEMS, System
from wasm_torch_web.benchmark import visit as visits
from wasm_torch_web.benchmark.visit import Request, Visit
from wasm_torch_web.errors import WtwError
from wasm_torch_web.footprint import compressed_bytes
from wasm_torch_web.serving import Files, Mailbox, application, running
from wasm_torch_web.verify import exchange
from wasm_torch_web.verify.chromium import describe, launched
from wasm_torch_web.verify.compare import compare, wrong

PAGE = ROOT / "bench" / "page"
FOLDERS = {"/models/": artefacts.FOLDER, "/peers/": peers.MODULES, "/bench/": PAGE}
RUNTIME = (".wasm", ".js", ".mjs")
# The peers start blob workers and inject scripts; the address is this machine's own.
LENIENT_CSP = "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:"


@dataclass(frozen=True)
class Turn:
    """A system's turn on a model."""

    model: str
    system: System
    threads: int

    @property
    def key(self) -> str:
        """What it is called in results."""
        return f"{self.system.name}-{self.threads}"


class Recorder:
    """An ASGI app that notes which files are asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.paths: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        self.paths.add(scope["path"])
        await self.app(scope, receive, send)


class Place:
    """The browser, the server and the processes that turns happen in."""

    def __init__(self, stack: ExitStack, threads: Sequence[int]) -> None:
        self.mailbox = Mailbox()
        # The peers are installed on demand.
        there = {at: folder for at, folder in FOLDERS.items() if folder.is_dir()}
        mounts = [Mount(at[:-1], Files(directory=folder)) for at, folder in there.items()]
        routes = [*mounts, *visits.routes(self.mailbox, PAGE)]
        self.recorder = Recorder(application(routes, csp=LENIENT_CSP))
        self.url = stack.enter_context(running(self.recorder))
        self.browser: Browser = stack.enter_context(launched())
        self.native = {count: Native(count) for count in threads}
        for native in self.native.values():
            stack.callback(native.close)

    def take(self, turn: Turn, result: Measured) -> None:
        """One visit, added to the result; the first one is checked and its files are weighed."""
        first = not result.visits
        if turn.system.adapter:
            visit, outputs = self._in_browser(turn, keep=first)
        else:
            native = self.native[turn.threads]
            visit, outputs = native.visit(turn.model, turn.system.name == "compile")
        result.add(visit)
        if first:
            result.error = _error(turn.model, outputs)
            result.files = _weigh(self.recorder.paths) if turn.system.adapter else {}

    def _in_browser(self, turn: Turn, keep: bool) -> tuple[Visit, bytes]:
        address = self.mailbox.put(artefacts.inputs(turn.model))
        url = f"/models/{turn.model}/{artefacts.FILES[turn.system.artefact]}"
        options = turn.system.options(url, turn.threads)
        request = Request(turn.system.adapter, options, address, keep=keep)
        self.recorder.paths.clear()
        try:
            visit = visits.visit(self.browser, self.url, self.mailbox, request)
        finally:
            outputs = self.mailbox.take(address)
        return visit, outputs


def run(turns: Sequence[Turn], rounds: int, results: Results, tell: Callable[[str], None]) -> None:
    """Takes all turns `rounds` times; what fails is noted once and not tried again.

    `tell` hears of every turn when its result is in.
    """
    with ExitStack() as stack:
        native = {turn.threads for turn in turns if not turn.system.adapter}
        place = Place(stack, sorted(native))
        results.browser = describe(place.browser)
        for number in range(rounds):
            for turn in _ordered(turns, backwards=number % 2 == 1):
                result = results.of(turn.model, turn.key)
                if result.failure:
                    continue
                try:
                    place.take(turn, result)
                    tell(f"{number + 1}/{rounds}  {turn.model:28} {turn.key:10} {result}")
                except (Unavailable, WtwError) as error:
                    result.failure = str(error)
                    tell(f"{number + 1}/{rounds}  {turn.model:28} {turn.key:10} {error}")


def _ordered(turns: Sequence[Turn], backwards: bool) -> Iterator[Turn]:
    """The models in order, their systems forwards or backwards."""
    for model in dict.fromkeys(turn.model for turn in turns):
        own = [turn for turn in turns if turn.model == model]
        yield from reversed(own) if backwards else own


def prepare(turns: Sequence[Turn], results: Results, tell: Callable[[str], None]) -> None:
    """Makes what the turns need; a turn whose artefact cannot be made fails with the reason."""
    for turn in turns:
        try:
            artefacts.prepare(turn.model, "reference")
            if turn.system.artefact:
                artefacts.prepare(turn.model, turn.system.artefact)
        except Unavailable as error:
            results.of(turn.model, turn.key).failure = str(error)
            tell(f"{turn.model:28} {turn.key:10} {error}")
    for threads in {turn.threads for turn in turns if turn.system.name == "compile"}:
        native = Native(threads)
        for turn in turns:
            if (turn.system.name, turn.threads) == ("compile", threads):
                native.warm(turn.model)
        native.close()


def _error(model: str, outputs: bytes) -> float:
    """The largest error relative to PyTorch; infinite where outputs cannot be compared."""
    expected, given = artefacts.expected(model), exchange.decode(outputs)
    if len(given) != len(expected):
        return wrong("", "").max_rel
    pairs = zip(expected.values(), given.values(), strict=True)
    return max(compare("", value, other).max_rel for value, other in pairs)


def _weigh(paths: set[str]) -> dict[str, int]:
    """Bytes of the runtime, plain and compressed, and of the model, that a visit fetched."""
    found = [
        folder / path.removeprefix(prefix)
        for prefix, folder in FOLDERS.items()
        for path in paths
        if path.startswith(prefix) and prefix != "/bench/"
    ]
    runtime = [path for path in found if path.suffix in RUNTIME]
    model = [path for path in found if path.suffix not in RUNTIME]
    return {
        "runtime": sum(path.stat().st_size for path in runtime),
        "compressed": sum(map(compressed_bytes, runtime)),
        "model": sum(path.stat().st_size for path in model),
    }


__all__ = ["SYSTEMS", "Turn", "prepare", "run"]
