"""Jobs in, each run by the least loaded healthy worker out; workers that end are started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from wasm_torch_web.errors import UserError, summary
from wasm_torch_web.serving.api import frames
from wasm_torch_web.serving.api.models import Served
from wasm_torch_web.serving.api.process import Worker
from wasm_torch_web.serving.api.settings import Settings

DEPTH = 2  # jobs of a worker: the next is at hand when one is done
LOADING_SECONDS = 120.0  # the most that a model may take to load
MARGIN_SECONDS = 5.0  # for all that is neither a load nor a run
LEAST_PAUSE, MOST_PAUSE = 0.1, 10.0  # seconds before a worker that ended is started again

Tell = Callable[..., None]  # an event and its fields


@dataclass
class Slot:
    """The place of a worker: who stands there now, with how many jobs, the heaps of which
    models, and which could not be loaded."""

    number: int
    worker: Worker | None = None
    jobs: int = 0
    heaps: dict[str, int] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    restarts: int = 0

    @property
    def healthy(self) -> bool:
        """Whether who stands there takes jobs."""
        return self.worker is not None and self.worker.running


class Pool:
    """The workers of a service. `healthy` ones have loaded what fits of the models."""

    def __init__(self, models: Iterable[Served], settings: Settings, tell: Tell) -> None:
        self.slots = [Slot(number) for number in range(settings.workers)]
        self._models = {model.key: model for model in models}
        self._settings = settings
        self._tell = tell
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Starts the workers, without waiting for them."""
        self._tasks = [asyncio.create_task(self._keep(slot)) for slot in self.slots]

    @property
    def healthy(self) -> int:
        """How many workers take jobs."""
        return sum(slot.healthy for slot in self.slots)

    def serves(self, key: str) -> bool:
        """Whether a worker takes jobs of this model."""
        return any(slot.healthy and key not in slot.failed for slot in self.slots)

    async def close(self) -> None:
        """Ends the workers after what they are at."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def slot(self, key: str) -> Slot:
        """A worker with room for a job, which counts from now on: `run` it."""
        async with self._changed:
            while (best := self._best(key)) is None:
                await self._changed.wait()
            best.jobs += 1
            return best

    def _best(self, key: str) -> Slot | None:
        """The least loaded; of equals one that has the model in memory."""
        free = [slot for slot in self.slots if slot.healthy and slot.jobs < DEPTH]
        return min(free, key=lambda slot: (slot.jobs, key not in slot.heaps), default=None)

    async def run(
        self, slot: Slot, key: str, requests: Sequence[Any], blocks: Sequence[frames.Block]
    ) -> frames.Frame:
        """What `worker.answer` gives. Raises UserError worker-lost."""
        worker = slot.worker
        try:
            if worker is None:
                raise UserError("worker-lost")
            head = {"model": key, "requests": requests, "join": self._settings.max_batch > 1}
            return await self._asked(slot, worker, head, blocks, self._limit(slot, len(requests)))
        finally:
            await self.release(slot)

    def _limit(self, slot: Slot, requests: int) -> float:
        """Seconds after which the worker hangs. Where joined requests fail, each runs alone; models
        are loaded where one had to make room."""
        runs = DEPTH * self._settings.timeout * (requests + 1)
        has_all = self._models.keys() <= slot.heaps.keys() | slot.failed
        return runs + MARGIN_SECONDS + (0 if has_all else LOADING_SECONDS)

    async def release(self, slot: Slot) -> None:
        """Its job is done."""
        slot.jobs -= 1
        await self._notify()

    async def _asked(
        self,
        slot: Slot,
        worker: Worker,
        head: dict[str, Any],
        blocks: Sequence[frames.Block],
        limit: float,
    ) -> frames.Frame:
        """One that does not answer in time is ended: it would have ended the run itself."""
        try:
            told, results = await asyncio.wait_for(worker.ask(head, blocks), limit)
        except asyncio.TimeoutError as error:
            worker.kill()
            raise UserError("worker-lost") from error
        slot.heaps = told["heaps"]
        for event in told["events"]:
            fields = {name: value for name, value in event.items() if name != "event"}
            self._tell(event["event"], worker=slot.number, pid=worker.pid, **fields)
        return told, results

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _keep(self, slot: Slot) -> None:
        """A worker in its place, for as long as the service lasts."""
        pause = LEAST_PAUSE
        while True:
            if await self._lived(slot):
                pause = LEAST_PAUSE
            slot.restarts += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, MOST_PAUSE)

    async def _lived(self, slot: Slot) -> bool:
        """From its start to its end; whether it was of use between."""
        try:
            worker = await Worker.start(self._begin())
        except OSError as error:
            self._tell("worker-failed", worker=slot.number, reason=summary(error))
            return False
        try:
            warm = await self._warm(slot, worker)
            if warm:
                slot.worker = worker
                self._tell("worker-start", worker=slot.number, pid=worker.pid)
                await self._notify()
            code = await worker.ended()
        except asyncio.CancelledError:
            await worker.close()
            raise
        finally:
            slot.worker, slot.heaps, slot.failed = None, {}, set()
            worker.kill()
        self._tell("worker-end", worker=slot.number, pid=worker.pid, code=code)
        return warm

    def _begin(self) -> dict[str, Any]:
        settings = self._settings
        packages = {key: str(model.package) for key, model in self._models.items()}
        names = ("memory", "timeout", "on_invalid")
        limits = {name: getattr(settings, name) for name in names}
        return {"packages": packages, **limits}

    async def _warm(self, slot: Slot, worker: Worker) -> bool:
        """Loads the models, the first last: where not all fit, it is there. False where the worker
        did not live through it."""
        with suppress(UserError):
            for key in reversed(self._models):
                head = {"model": key, "requests": [], "join": False}
                told, _ = await self._asked(slot, worker, head, (), LOADING_SECONDS)
                if "error" in told:
                    slot.failed.add(key)
                    self._tell("model-failed", model=key, **told["error"])
            return True
        return False
