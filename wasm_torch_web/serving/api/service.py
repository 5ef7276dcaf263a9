"""Packages and settings in, the inference service out: its queues, its workers, its routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from wasm_torch_web.errors import WtwError
from wasm_torch_web.serving.api import failures
from wasm_torch_web.serving.api.batching import Queue
from wasm_torch_web.serving.api.limits import Rate, Room
from wasm_torch_web.serving.api.models import Catalogue
from wasm_torch_web.serving.api.pool import Pool
from wasm_torch_web.serving.api.settings import Monitoring, Settings
from wasm_torch_web.serving.monitoring.journal import Journal
from wasm_torch_web.serving.monitoring.metrics import Metrics
from wasm_torch_web.serving.monitoring.tracing import tracer


class Service:
    """What the routes work with. `lifespan` begins and ends it."""

    def __init__(
        self,
        packages: Sequence[Path],
        settings: Settings | None = None,
        monitoring: Monitoring | None = None,
    ) -> None:
        """Raises UserError for a damaged package, extra-needed, out-unwritable."""
        self.catalogue = Catalogue(packages)
        self.settings = settings or Settings()
        self.monitoring = monitoring
        self.metrics = Metrics(self)
        self.journal = Journal(monitoring.audit if monitoring else None, quiet=monitoring is None)
        self.tracer = tracer(monitoring.otlp if monitoring else None)
        self.rate = Rate(self.settings.rate)
        self.room = Room(self.settings.room)
        self.pool = Pool(self.catalogue, self.settings, self._tell)
        self.queues: dict[str, Queue] = {}

    def application(self, routes: Sequence[BaseRoute] = ()) -> Starlette:
        """The service's routes, then those given."""
        from wasm_torch_web.serving.api.routes import Routes

        handlers = {WtwError: failures.handle, HTTPException: failures.not_found}
        own = Routes(self).all()
        return Starlette(
            routes=[*own, *routes], exception_handlers=handlers, lifespan=self.lifespan
        )

    @asynccontextmanager
    async def lifespan(self, application: Starlette) -> AsyncIterator[None]:
        """Workers start with the server, and end when it has answered its last request."""
        self.pool.start()
        for model in self.catalogue:
            queue = Queue(model, self.pool, self.settings, self.metrics.observe)
            self.queues[model.key] = queue
            queue.start()
        try:
            yield
        finally:
            for queue in self.queues.values():
                await queue.close()
            await self.pool.close()
            self._tell("service-end")
            self.tracer.close()
            self.journal.close()

    @property
    def ready(self) -> bool:
        """Whether requests would be run now."""
        return self.pool.healthy > 0

    def _tell(self, event: str, **fields: object) -> None:
        """Something has happened, to a worker or a model: for the log and the metrics."""
        self.journal.write(event, **fields)
        key = fields.get("model")
        model = next((model for model in self.catalogue if model.key == key), None)
        self.metrics.count(event, model, fields)
