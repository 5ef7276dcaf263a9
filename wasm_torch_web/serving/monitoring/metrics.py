"""What a service does in, Prometheus metrics out. `grafana.json` beside this file shows them.

Labels are names of models of the service and of our own: no text of a request becomes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wasm_torch_web.serving.api.models import Served

if TYPE_CHECKING:
    from wasm_torch_web.serving.api.service import Service

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
REQUESTS = (1, 2, 4, 8, 16, 32, 64, 128)
LABELS = ("model", "version")


class Metrics:
    """The metrics of a service."""

    def __init__(self, service: Service) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        registry.register(_Now(service))
        self._requests = Counter(
            "wtw_requests", "Requests by HTTP status.", (*LABELS, "status"), registry=registry
        )
        self._errors = Counter(
            "wtw_errors", "Requests that failed, by code.", (*LABELS, "code"), registry=registry
        )
        self._seconds = Histogram(
            "wtw_request_seconds",
            "Time of requests: read, parse, infer (of which queue and run), answer, total.",
            (*LABELS, "phase"),
            buckets=SECONDS,
            registry=registry,
        )
        self._batches = Histogram(
            "wtw_batch_requests", "Requests of a job.", LABELS, buckets=REQUESTS, registry=registry
        )
        self._load_seconds = Histogram(
            "wtw_model_load_seconds",
            "Time to load a model.",
            LABELS,
            buckets=SECONDS,
            registry=registry,
        )
        self._unloads = Counter(
            "wtw_model_unloads", "Models that made room.", LABELS, registry=registry
        )
        self._worker_ends = Counter(
            "wtw_worker_ends", "Workers that ended and were started again.", registry=registry
        )

    def request(
        self, model: Served | None, status: int, code: str, phases: Mapping[str, float]
    ) -> None:
        """A request has been answered."""
        labels = _labels(model)
        self._requests.labels(*labels, str(status)).inc()
        if code:
            self._errors.labels(*labels, code).inc()
        for phase, seconds in phases.items():
            self._seconds.labels(*labels, phase).observe(seconds)

    def observe(self, model: Served, requests: int) -> None:
        """A job of so many requests goes to a worker."""
        self._batches.labels(*_labels(model)).observe(requests)

    def count(self, event: str, model: Served | None, fields: Mapping[str, object]) -> None:
        """Something has happened to a worker or a model."""
        if event == "model-load":
            self._load_seconds.labels(*_labels(model)).observe(float(str(fields["seconds"])))
        elif event == "model-unload":
            self._unloads.labels(*_labels(model)).inc()
        elif event in ("worker-end", "worker-failed"):
            self._worker_ends.inc()

    def text(self) -> bytes:
        """What `/metrics` answers."""
        return generate_latest(self.registry)


class _Now(Collector):
    """What is asked for when it is wanted: queues, workers, heaps."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> list[Metric]:
        """Names alone: the service may not have begun."""
        return list(self._families().values())

    def collect(self) -> Iterator[Metric]:
        families, pool = self._families(), self._service.pool
        for queue in self._service.queues.values():
            families["queue"].add_metric(_labels(queue.model), len(queue))
        families["healthy"].add_metric((), pool.healthy)
        for slot in pool.slots:
            number = str(slot.number)
            families["jobs"].add_metric((number,), slot.jobs)
            for key, heap in slot.heaps.items():
                families["heap"].add_metric((*key.split("/"), number), heap)
        yield from families.values()

    def _families(self) -> dict[str, GaugeMetricFamily]:
        def gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(name, text, labels=labels)

        return {
            "queue": gauge("wtw_queue_requests", "Requests that wait for a worker.", *LABELS),
            "healthy": gauge("wtw_workers_healthy", "Workers that take jobs."),
            "jobs": gauge("wtw_worker_jobs", "Jobs that a worker has.", "worker"),
            "heap": gauge("wtw_model_heap_bytes", "Heap of a loaded model.", *LABELS, "worker"),
        }


def _labels(model: Served | None) -> tuple[str, str]:
    return ("", "") if model is None else (model.name, model.version)
