"""Packages in, a running inference service out, and a client that speaks plain HTTP."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from wasm_torch_web.serving import Guard, running
from wasm_torch_web.serving.api import Service, Settings
from wasm_torch_web.serving.api.settings import Monitoring

PATIENCE = 120.0  # seconds that a busy machine may take for what takes less than one
Body = bytes | dict[str, Any] | None


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body, or its part that is JSON."""
        length = self.headers.get("inference-header-content-length")
        return json.loads(self.content[: int(length)] if length else self.content)

    @property
    def code(self) -> str:
        """Of the error table."""
        return str(self.json["code"])


@dataclass
class Client:
    """A service at work."""

    address: str
    service: Service

    def ask(self, path: str, body: Body = None, method: str = "", **headers: str) -> Answer:
        """GET, or POST of a body."""
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method or ("GET" if body is None else "POST"), path, content, named)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, found, response.read())
        connection.close()
        return answer

    def infer(self, model: str, *inputs: dict[str, Any], **rest: Any) -> Answer:
        """A request of JSON alone."""
        return self.ask(f"/v2/models/{model}/infer", {"inputs": list(inputs), **rest})

    def wait(self, path: str = "/v2/health/ready", status: int = 200) -> None:
        """Until it answers so."""
        until(lambda: self.ask(path).status == status)


def until(condition: Any) -> None:
    """Waits for what will come sooner or later."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


@contextmanager
def serving(
    *packages: Path, monitoring: Monitoring | None = None, ready: bool = True, **settings: Any
) -> Iterator[Client]:
    """A service of these packages, once it is ready."""
    service = Service(packages, Settings(**settings), monitoring)
    app = Guard(service.application(), hosts=service.settings.hosts)
    with running(app, lifespan=True) as url:
        client = Client(url.removeprefix("http://"), service)
        if ready:
            client.wait()
            until(lambda: service.pool.healthy == service.settings.workers)
        yield client


def tensor(name: str, array: Any, datatype: str = "FP32") -> dict[str, Any]:
    """An input of JSON."""
    found = numpy.asarray(array)
    data = found.reshape(-1).tolist()
    return {"name": name, "datatype": datatype, "shape": list(found.shape), "data": data}


def pids(client: Client) -> list[int]:
    """The workers that take jobs."""
    return [slot.worker.pid for slot in client.service.pool.slots if slot.worker is not None]
