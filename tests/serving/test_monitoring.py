"""What a service tells of itself: metrics, log lines, an audit log, traces, a dashboard."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.served import Packages
from support.service import Client, pids, serving, tensor, until

import wasm_torch_web
from wasm_torch_web.errors import UserError
from wasm_torch_web.serving.api.settings import Monitoring
from wasm_torch_web.serving.monitoring.journal import Journal
from wasm_torch_web.serving.monitoring.tracing import tracer

DASHBOARD = Path(wasm_torch_web.__file__).parent / "serving/monitoring/grafana.json"
X = tensor("x", numpy.ones((2, 8)))


def samples(client: Client) -> dict[str, float]:
    """By name and labels."""
    answer = client.ask("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        sample.name + "".join(f" {k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def client(packages: Packages) -> Iterator[Client]:
    with serving(packages("classifier"), packages("loop"), monitoring=Monitoring()) as running:
        yield running


def test_requests_are_counted_and_timed(client: Client) -> None:
    of_model = " model=classifier"
    before = samples(client)
    client.infer("classifier", X)
    client.infer("classifier", {**X, "datatype": "FP64"})
    client.infer("no%0Asuch", X)
    after = samples(client)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grown(f"wtw_requests_total{of_model} status=200 version=0.1.0") == 1
    assert grown(f"wtw_requests_total{of_model} status=400 version=0.1.0") == 1
    assert grown(f"wtw_errors_total code=WTW503{of_model} version=0.1.0") == 1
    assert grown("wtw_requests_total model= status=404 version=") == 1
    for phase in ("read", "parse", "infer", "queue", "run", "answer"):
        name = f"wtw_request_seconds_count{of_model} phase={phase} version=0.1.0"
        assert grown(name) >= 1
    assert grown(f"wtw_batch_requests_count{of_model} version=0.1.0") == 1
    assert after[f"wtw_model_load_seconds_count{of_model} version=0.1.0"] >= 1
    assert after[f"wtw_model_heap_bytes{of_model} version=0.1.0 worker=0"] >= 1 << 24
    assert after["wtw_workers_healthy"] == 1
    assert after["process_resident_memory_bytes"] > 0


def test_nothing_of_a_request_becomes_a_label(client: Client) -> None:
    for number in range(20):
        client.infer(f"made-up-{number}", X)
    assert b"made-up" not in client.ask("/metrics").content


def test_workers_that_end_are_counted(client: Client) -> None:
    [pid] = pids(client)
    before = samples(client)["wtw_worker_ends_total"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: samples(client)["wtw_worker_ends_total"] == before + 1)
    until(lambda: client.service.pool.healthy == 1)


def test_there_are_no_metrics_unless_asked_for(packages: Packages) -> None:
    with serving(packages("classifier"), ready=False) as client:
        assert client.ask("/metrics").status == 404


def test_the_dashboard_shows_metrics_that_exist(client: Client) -> None:
    client.infer("classifier", X)
    exist = {name.split(" ")[0] for name in samples(client)}
    # Counters and histograms of what has not happened yet have no samples.
    for family in text_string_to_metric_families(client.ask("/metrics").content.decode()):
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        exist |= {family.name + suffix for suffix in suffixes.get(family.type, [""])}
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += [
        variable["query"]["query"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    ]
    shown = {
        name for text in expressions for name in re.findall(r"\b(?:wtw|process)_[a-z_]+", text)
    }
    assert shown <= exist
    own = {name for name in exist if name.startswith("wtw_") and not name.endswith("_created")}
    stems = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in shown}
    assert {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in own} <= stems


def test_every_line_of_the_log_is_json(
    packages: Packages, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    audit = tmp_path / "audit.jsonl"
    audit.write_text('{"event": "before"}\n')
    with serving(packages("classifier"), monitoring=Monitoring(audit=audit)) as client:
        assert client.infer("classifier", X).status == 200
        assert client.infer("x%22%0A%7B%22event%22:%22forged%22%7D", X).status == 404
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    events = [line["event"] for line in lines]
    assert "forged" not in events
    assert {"model-load", "worker-start", "request", "service-end"} <= set(events)
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [200, 404]
    assert requests[0]["model"] == "classifier/0.1.0"
    assert set(requests[0]["ms"]) == {
        *("read", "parse", "infer", "queue", "run", "answer", "total"),
    }
    assert requests[1]["code"] == "WTW702"  # model-unknown
    first, load = map(json.loads, audit.read_text().splitlines())
    assert (first["event"], load["event"]) == ("before", "model-load")
    manifest = json.loads((packages("classifier") / "model.json").read_bytes())
    assert load["sha256"]["plan"] == manifest["plan"]["sha256"]


def test_an_audit_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="WTW116"):
        Journal(tmp_path / "no/such/folder")


class Collector(HTTPServer):
    """What an OpenTelemetry collector would hear."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Hearing)


class _Hearing(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, content))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Silent."""


def test_traces_reach_a_collector(packages: Packages) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{collector.server_port}"
        with serving(packages("classifier"), monitoring=Monitoring(otlp=address)) as client:
            assert client.infer("classifier", X).status == 200
        collector.shutdown()
        thread.join()
    spans = [
        span
        for path, content in collector.heard
        if path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    [root] = [span for span in spans if span.name == "infer" and not span.parent_span_id]
    inner = [span for span in spans if span.parent_span_id == root.span_id]
    assert {span.name for span in inner} == {"read", "parse", "infer", "answer"}
    assert {a.key: a.value.string_value for a in root.attributes}["model"] == "classifier/0.1.0"


def test_traces_need_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(UserError, match="WTW609"):  # extra-needed
        tracer("http://127.0.0.1:4318")
