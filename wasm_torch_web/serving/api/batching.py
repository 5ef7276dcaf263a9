"""Requests of one model in, each with its outcome out; those that wait together are joined.

A request that finds a worker free goes at once where nothing may join it. Else it waits, at most
`batch_delay` seconds for company and then for a worker; what fits together by then goes as one job.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wasm_torch_web.errors import InternalError, UserError, WtwError, summary
from wasm_torch_web.serving.api import frames
from wasm_torch_web.serving.api.models import Served
from wasm_torch_web.serving.api.pool import Pool, Slot
from wasm_torch_web.serving.api.settings import Settings

Observe = Callable[[Served, int], None]  # a model, and the requests of a job


@dataclass(frozen=True)
class Array:
    """The dense elements of a tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: frames.Block
    number: bool = False


@dataclass(frozen=True)
class Result:
    """What came of a request: its outputs, and where the seconds went."""

    outputs: list[Array]
    queue: float
    run: float


@dataclass(eq=False)
class Waiting:
    """A request in the queue."""

    inputs: Sequence[Array]
    done: asyncio.Future[Result]
    since: float = field(default_factory=time.monotonic)

    @property
    def rows(self) -> int:
        """Along the leading axis."""
        return self.inputs[0].shape[0] if self.inputs and self.inputs[0].shape else 1

    @property
    def kind(self) -> tuple[tuple[int, ...], ...]:
        """What requests must share to be joined."""
        return tuple(array.shape[1:] for array in self.inputs)


class Queue:
    """The requests that wait for one model."""

    def __init__(self, model: Served, pool: Pool, settings: Settings, observe: Observe) -> None:
        self.model = model
        self._pool = pool
        self._settings = settings
        self._observe = observe
        self._waiting: deque[Waiting] = deque()
        self._arrived = asyncio.Event()
        self._jobs: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        most = model.rows[1] if model.rows else 1
        self._most = min(settings.max_batch, most) if settings.max_batch > 1 else 1

    def __len__(self) -> int:
        return len(self._waiting)

    def start(self) -> None:
        """Begins to hand requests to workers."""
        self._task = asyncio.create_task(self._dispatch())

    async def close(self) -> None:
        """No more are handed over; those under way end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, *self._jobs, return_exceptions=True)

    async def submit(self, inputs: Sequence[Array]) -> Result:
        """Runs the model. Raises UserError queue-full, request-late, worker-lost, and the run's."""
        if len(self._waiting) >= self._settings.queue:
            raise UserError("queue-full", name=self.model.name, limit=self._settings.queue)
        waiting = Waiting(inputs, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        late = asyncio.get_running_loop().call_later(self._settings.wait, self._expire, waiting)
        try:
            return await waiting.done
        finally:
            late.cancel()

    def _expire(self, waiting: Waiting) -> None:
        """One that has begun to run goes on: the run has a limit of its own."""
        if waiting in self._waiting:
            self._waiting.remove(waiting)
            waiting.done.set_exception(UserError("request-late", seconds=self._settings.wait))

    async def _dispatch(self) -> None:
        while True:
            await self._arrived.wait()
            await self._company()
            slot = await self._pool.slot(self.model.key)
            batch = self._batch()
            if not self._waiting:
                self._arrived.clear()
            if not batch:  # they have been waiting too long
                await self._pool.release(slot)
                continue
            job = asyncio.create_task(self._run(slot, batch))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)

    async def _company(self) -> None:
        """Waits until the first has waited long enough, or as many rows are there as go at once."""
        while self._most > 1 and self._waiting:
            left = self._waiting[0].since + self._settings.batch_delay - time.monotonic()
            if left <= 0 or sum(one.rows for one in self._waiting) >= self._most:
                return
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except asyncio.TimeoutError:
                self._arrived.set()

    def _batch(self) -> list[Waiting]:
        """The first, and those behind it that fit."""
        chosen: list[Waiting] = []
        rows = 0
        for one in list(self._waiting):
            fits = not chosen or (
                one.kind == chosen[0].kind and one.rows > 0 and rows + one.rows <= self._most
            )
            if fits:
                chosen.append(one)
                rows += one.rows
                self._waiting.remove(one)
            if rows >= self._most:
                break
        return [one for one in chosen if not one.done.done()]

    async def _run(self, slot: Slot, batch: Sequence[Waiting]) -> None:
        begin = time.monotonic()
        self._observe(self.model, len(batch))
        requests = [[_entry(array) for array in one.inputs] for one in batch]
        blocks = [array.content for one in batch for array in one.inputs]
        try:
            told, results = await self._pool.run(slot, self.model.key, requests, blocks)
            left = iter(results)
            for number, one in enumerate(batch):
                found = told.get("error") or told["results"][number].get("error")
                if found:
                    _fail(one, UserError.relayed(**found))
                    continue
                outputs = self._outputs(told["results"][number]["outputs"], left)
                if not one.done.done():
                    one.done.set_result(Result(outputs, begin - one.since, told["seconds"]))
        except WtwError as error:
            _fail_all(batch, error)
        except Exception as error:  # nobody may wait for ever
            _fail_all(batch, InternalError("internal", reason=summary(error)))

    def _outputs(self, shapes: dict[str, list[int]], blocks: Any) -> list[Array]:
        return [
            Array(tensor.name, tensor.dtype, tuple(shapes[tensor.name]), next(blocks))
            for tensor in self.model.outputs
        ]


def _entry(array: Array) -> dict[str, Any]:
    return {
        "name": array.name,
        "dtype": array.dtype,
        "shape": array.shape,
        "number": array.number,
    }


def _fail(waiting: Waiting, error: WtwError) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)


def _fail_all(batch: Sequence[Waiting], error: WtwError) -> None:
    for one in batch:
        _fail(one, error)
