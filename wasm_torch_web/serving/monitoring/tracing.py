"""Requests in, OpenTelemetry spans out, where a collector is named (extra `otel`)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from wasm_torch_web.errors import UserError

NANO = 10**9
IN_TURN = ("read", "parse", "infer", "answer")  # the phases of a request, one after another


class Tracer:
    """No spans: what a service without a collector has."""

    def request(self, told: Mapping[str, Any], phases: Mapping[str, float], seconds: float) -> None:
        """A request has ended just now."""

    def close(self) -> None:
        """Sends what is left."""


class Spans(Tracer):
    """A span for each request, with one for each of its phases inside."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("wasm-torch-web")

    def request(self, told: Mapping[str, Any], phases: Mapping[str, float], seconds: float) -> None:
        """Spans that are already over: times are known by now."""
        from opentelemetry.trace import set_span_in_context

        end = time.time_ns()
        begin = end - int(seconds * NANO)
        attributes = {name: value for name, value in told.items() if value is not None}
        root = self._tracer.start_span("infer", start_time=begin, attributes=attributes)
        context, at = set_span_in_context(root), begin
        for phase in IN_TURN:
            if phase in phases:
                span = self._tracer.start_span(phase, context, start_time=at)
                at += int(phases[phase] * NANO)
                span.end(at)
        root.end(end)

    def close(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()


def tracer(address: str | None) -> Tracer:
    """Spans go to the collector at an address such as http://localhost:4318.

    Raises UserError extra-needed.
    """
    if address is None:
        return Tracer()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise UserError("extra-needed", option="--otlp", extra="otel") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "wasm-torch-web"}))
    exporter = OTLPSpanExporter(endpoint=f"{address.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Spans(provider)
