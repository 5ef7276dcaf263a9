"""A service in, the protocol's addresses out, and those of its description and its metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wasm_torch_web import __version__
from wasm_torch_web.errors import InternalError, WtwError, summary
from wasm_torch_web.serving.api import answers, limits, openapi, requests
from wasm_torch_web.serving.api.failures import document, refusal, status_of
from wasm_torch_web.serving.api.models import Served

if TYPE_CHECKING:
    from wasm_torch_web.serving.api.service import Service

SERVER = "wasm-torch-web"
EXTENSIONS = ["binary_tensor_data"]
JSON_BYTES = "Inference-Header-Content-Length"
MODEL = "/v2/models/{name}"


class Exchange:
    """A request and what became of it, for the log, the metrics and the trace."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.model: Served | None = None
        self.status = 200
        self.code = ""
        self.phases: dict[str, float] = {}
        self._since = self.begin

    def reached(self, phase: str) -> None:
        """A phase has ended, the next begins."""
        now = time.monotonic()
        self.phases[phase] = now - self._since
        self._since = now


class Routes:
    """The addresses of a service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def all(self) -> list[Route]:
        """The protocol; `/openapi.json`; `/metrics` where it is monitored."""
        found = [
            Route("/v2", self._server),
            Route("/v2/health/live", self._live),
            Route("/v2/health/ready", self._ready),
            Route("/openapi.json", self._openapi),
        ]
        for base in (MODEL, f"{MODEL}/versions/{{version}}"):
            found += [
                Route(base, self._model),
                Route(f"{base}/ready", self._model_ready),
                Route(f"{base}/infer", self._infer, methods=["POST"]),
            ]
        if self._service.monitoring is not None:
            found.append(Route("/metrics", self._metrics))
        return found

    async def _server(self, request: Request) -> Response:
        about = {"name": SERVER, "version": __version__, "extensions": EXTENSIONS}
        return document(about)

    async def _live(self, request: Request) -> Response:
        return document({"live": True})

    async def _ready(self, request: Request) -> Response:
        ready = self._service.ready
        return document({"ready": ready}, 200 if ready else 503)

    async def _openapi(self, request: Request) -> Response:
        return document(openapi.document())

    async def _metrics(self, request: Request) -> Response:
        return Response(self._service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    def _found(self, request: Request) -> Served:
        words = request.path_params
        return self._service.catalogue.find(words["name"], words.get("version"))

    async def _model(self, request: Request) -> Response:
        model = self._found(request)
        return document(
            {
                "name": model.name,
                "versions": list(self._service.catalogue.models[model.name]),
                "platform": SERVER,
                "inputs": [tensor.metadata() for tensor in model.inputs],
                "outputs": [tensor.metadata() for tensor in model.outputs],
            }
        )

    async def _model_ready(self, request: Request) -> Response:
        model = self._found(request)
        ready = self._service.pool.serves(model.key)
        return document({"name": model.name, "ready": ready}, 200 if ready else 503)

    async def _infer(self, request: Request) -> Response:
        exchange = Exchange()
        client = request.client.host if request.client else ""
        try:
            self._service.rate.take(client)
            with self._service.room.reserved() as take:
                response = await self._answer(request, exchange, take)
        except WtwError as error:
            response = self._refused(error, exchange)
        except Exception as error:
            response = self._refused(InternalError("internal", reason=summary(error)), exchange)
        self._record(exchange, client)
        return response

    def _refused(self, error: WtwError, exchange: Exchange) -> Response:
        exchange.status, exchange.code = status_of(error), error.code
        return refusal(error)

    async def _answer(self, request: Request, exchange: Exchange, take: limits.Take) -> Response:
        model = exchange.model = self._found(request)
        json_bytes = limits.count_of(request, JSON_BYTES)
        body = await limits.body(request, self._service.settings, take)
        exchange.reached("read")
        inference = requests.parsed(body, json_bytes, model)
        exchange.reached("parse")
        result = await self._service.queues[model.key].submit(inference.inputs)
        exchange.reached("infer")
        exchange.phases |= {"queue": result.queue, "run": result.run}
        content, json_bytes = answers.body(model, inference, result.outputs)
        exchange.reached("answer")
        if json_bytes is None:
            return Response(content, media_type="application/json")
        headers = {JSON_BYTES: str(json_bytes)}
        return Response(content, headers=headers, media_type="application/octet-stream")

    def _record(self, exchange: Exchange, client: str) -> None:
        seconds = time.monotonic() - exchange.begin
        phases: dict[str, float] = {**exchange.phases, "total": seconds}
        service = self._service
        service.metrics.request(exchange.model, exchange.status, exchange.code, phases)
        told: dict[str, Any] = {"model": exchange.model.key if exchange.model else None}
        told |= {"status": exchange.status, "client": client}
        told |= {"code": exchange.code} if exchange.code else {}
        milliseconds = {name: round(1000 * value, 3) for name, value in phases.items()}
        service.journal.write("request", **told, ms=milliseconds)
        service.tracer.request(told, exchange.phases, seconds)
