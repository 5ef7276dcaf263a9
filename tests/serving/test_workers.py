"""Many clients, few workers: queues, limits, and workers that end in the middle."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy
import pytest
import torch
from support.processes import alive
from support.served import Classifier, Packages
from support.service import Answer, Client, pids, serving, tensor, until

from wasm_torch_web.errors import UserError
from wasm_torch_web.serving.api import limits
from wasm_torch_web.serving.api.limits import Rate

LONG = 1 << 60  # rounds of the loop: it runs for as long as it may


def loop(client: Client, rounds: int) -> Answer:
    return client.infer("loop", tensor("n", rounds, "INT64"))


def jobs(client: Client) -> int:
    return sum(slot.jobs for slot in client.service.pool.slots)


def waiting(client: Client, model: str) -> int:
    return len(client.service.queues[f"{model}/0.1.0"])


def test_joined_requests_from_many_clients(packages: Packages) -> None:
    inputs = [
        numpy.random.default_rng(n).standard_normal((1 + n % 3, 8)).astype("float32")
        for n in range(64)
    ]
    with (
        serving(packages("classifier"), workers=2, max_batch=16, batch_delay=0.02) as client,
        ThreadPoolExecutor(16) as clients,
    ):
        answers = list(clients.map(lambda x: client.infer("classifier", tensor("x", x)), inputs))
        text = client.service.metrics.text().decode()
    for x, answer in zip(inputs, answers, strict=True):
        assert answer.status == 200, answer.content
        with torch.no_grad():
            wanted = Classifier().eval()(torch.from_numpy(x))["scores"].numpy()
        assert answer.json["outputs"][0]["data"] == pytest.approx(wanted.reshape(-1), abs=1e-5)
    counted = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    labels = '{model="classifier",version="0.1.0"}'
    assert float(counted[f"wtw_batch_requests_sum{labels}"]) == len(inputs)
    assert float(counted[f"wtw_batch_requests_count{labels}"]) < len(inputs)


def test_requests_of_other_sizes_are_not_joined(packages: Packages) -> None:
    """What differs beside the leading axis goes alone."""
    with serving(packages("root"), max_batch=8, batch_delay=0.05) as client:
        x = numpy.full((2, 3), 4, "float32")
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda _: client.infer("root", tensor("x", x)), range(16)))
    assert {answer.status for answer in answers} == {200}
    assert all(answer.json["outputs"][0]["data"] == [2] * 6 for answer in answers)


def test_a_killed_worker_loses_its_own_requests_alone(packages: Packages) -> None:
    with (
        serving(packages("classifier"), packages("loop"), workers=2) as client,
        ThreadPoolExecutor(4) as clients,
    ):
        lost = clients.submit(loop, client, LONG)
        until(lambda: jobs(client) == 1)
        [busy] = [slot for slot in client.service.pool.slots if slot.jobs]
        assert busy.worker is not None
        stop = threading.Event()
        other = clients.submit(_asking, client, stop)
        os.kill(busy.worker.pid, signal.SIGKILL)
        answer = lost.result()
        assert (answer.status, answer.code) == (503, "WTW710")  # worker-lost
        assert answer.headers["retry-after"] == "1"
        until(lambda: client.service.pool.healthy == 2)
        stop.set()
        assert set(other.result()) == {200}
        assert client.infer("classifier", tensor("x", numpy.zeros((1, 8)))).status == 200


def test_requests_that_wait_outlive_a_worker(packages: Packages) -> None:
    """None is handed to one that has just ended."""
    with (
        serving(packages("classifier"), packages("loop")) as client,
        ThreadPoolExecutor(5) as clients,
    ):
        lost = [clients.submit(loop, client, LONG) for _ in range(2)]
        until(lambda: jobs(client) == 2)
        x = tensor("x", numpy.zeros((1, 8)))
        kept = [clients.submit(client.infer, "classifier", x) for _ in range(3)]
        until(lambda: waiting(client, "classifier") == 3)
        [pid] = pids(client)
        os.kill(pid, signal.SIGKILL)
        assert {one.result().status for one in lost} == {503}
        assert {one.result().status for one in kept} == {200}


def _asking(client: Client, stop: threading.Event) -> list[int]:
    """Statuses of one request after another."""
    x = tensor("x", numpy.zeros((1, 8)))
    statuses = [client.infer("classifier", x).status]
    while not stop.is_set():
        statuses.append(client.infer("classifier", x).status)
    return statuses


def test_a_killed_worker_is_started_again(packages: Packages) -> None:
    with serving(packages("classifier")) as client:
        [pid] = pids(client)
        os.kill(pid, signal.SIGKILL)
        until(lambda: pids(client) not in ([], [pid]))
        client.wait()
        assert client.infer("classifier", tensor("x", numpy.zeros((1, 8)))).status == 200


def test_a_worker_that_hangs_is_replaced(
    packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(packages("classifier"), timeout=0.2) as client:
        monkeypatch.setattr("wasm_torch_web.serving.api.pool.MARGIN_SECONDS", 0.5)
        [pid] = pids(client)
        os.kill(pid, signal.SIGSTOP)
        answer = client.infer("classifier", tensor("x", numpy.zeros((1, 8))))
        monkeypatch.undo()
        assert (answer.status, answer.code) == (503, "WTW710")
        until(lambda: not alive(pid) and pids(client) not in ([], [pid]))


def test_a_run_has_a_limit(packages: Packages) -> None:
    with serving(packages("loop"), timeout=0.2) as client:
        answer = loop(client, LONG)
        assert (answer.status, answer.code) == (504, "WTW520")
        assert loop(client, 7).json["outputs"][0]["data"] == [7]


def test_a_clock_that_is_set_moves_no_limit(
    packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour back or forth at each look."""
    real, looks = time.time, itertools.count()
    monkeypatch.setattr(time, "time", lambda: real() + 3600 * (next(looks) % 3 - 1))
    test_joined_requests_from_many_clients(packages)
    test_a_run_has_a_limit(packages)


def test_a_full_queue_refuses(packages: Packages) -> None:
    with (
        serving(packages("loop"), queue=2, timeout=3600) as client,
        ThreadPoolExecutor(8) as clients,
    ):
        # Two with the worker, and two that wait.
        held = _held(client, clients, 4)
        answer = loop(client, 1)
        assert (answer.status, answer.code) == (503, "WTW708")  # queue-full
        assert answer.headers["retry-after"] == "1"
        _let_go(client, held)


def _held(client: Client, clients: ThreadPoolExecutor, count: int) -> list[Future[Answer]]:
    """Requests that take all that a worker and the queue have room for."""
    held = []
    for number in range(1, count + 1):
        held.append(clients.submit(loop, client, LONG))
        until(lambda number=number: jobs(client) + waiting(client, "loop") == number)
    return held


def _let_go(client: Client, held: list[Future[Answer]]) -> None:
    """Ends the worker for as long as there is one of them."""
    while not all(one.done() for one in held):
        for pid in pids(client):
            with suppress(ProcessLookupError):  # that has ended by now
                os.kill(pid, signal.SIGKILL)
        until(lambda: client.service.pool.healthy == 1 or all(one.done() for one in held))
    assert {one.result().status for one in held} == {503}


def test_who_waits_too_long_is_told_so(packages: Packages) -> None:
    with (
        serving(packages("loop"), wait=0.1, timeout=3600) as client,
        ThreadPoolExecutor(4) as clients,
    ):
        held = _held(client, clients, 2)
        answer = loop(client, 1)
        assert (answer.status, answer.code) == (503, "WTW709")  # request-late
        _let_go(client, held)


def test_one_address_has_a_rate() -> None:
    now = [0.0]
    rate = Rate(2.0, clock=lambda: now[0])
    rate.take("a")
    rate.take("a")
    with pytest.raises(UserError, match="WTW707"):  # rate-exceeded
        rate.take("a")
    rate.take("b")
    now[0] = 0.5
    rate.take("a")
    with pytest.raises(UserError, match="WTW707"):
        rate.take("a")


def test_addresses_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CLIENTS", 10)
    rate = Rate(1.0)
    for number in range(1000):
        rate.take(str(number))
    assert len(rate._buckets) == 10


def test_a_client_that_asks_too_often(packages: Packages) -> None:
    with serving(packages("classifier"), rate=0.001) as client:
        x = tensor("x", numpy.zeros((1, 8)))
        assert client.infer("classifier", x).status == 200
        answer = client.infer("classifier", x)
        assert (answer.status, answer.code) == (429, "WTW707")
        assert answer.headers["retry-after"] == "1"
        assert client.ask("/v2/health/live").status == 200


def test_requests_share_a_room(packages: Packages) -> None:
    with serving(packages("classifier"), room=4096) as client:
        x = tensor("x", numpy.zeros((1, 8)))
        answer = client.infer("classifier", x, id="x" * 5000)
        assert (answer.status, answer.code) == (503, "WTW712")  # room-full
        for _ in range(3):  # which is given back
            assert client.infer("classifier", x, id="x" * 2500).status == 200


def test_a_body_that_does_not_come(packages: Packages) -> None:
    with serving(packages("classifier"), body_seconds=0.2) as client:
        host, _, port = client.address.partition(":")
        with socket.create_connection((host, int(port)), timeout=60) as slow:
            head = f"POST /v2/models/classifier/infer HTTP/1.1\r\nHost: {client.address}\r\n"
            slow.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
            answer = b""
            while b"WTW705" not in answer:  # body-late
                part = slow.recv(4096)
                assert part, answer
                answer += part
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert client.infer("classifier", tensor("x", numpy.zeros((1, 8)))).status == 200


def test_a_damaged_package_fails_alone(packages: Packages, tmp_path: Path) -> None:
    damaged = shutil.copytree(packages("root"), tmp_path / "root")
    plan = bytearray((damaged / "plan.bin").read_bytes())
    plan[-1] ^= 1
    (damaged / "plan.bin").write_bytes(plan)
    with serving(packages("classifier"), damaged) as client:
        assert client.ask("/v2/models/root/ready").status == 503
        assert client.ask("/v2/models/classifier/ready").status == 200
        answer = client.infer("root", tensor("x", numpy.ones((1, 3))))
        assert (answer.status, answer.code) == (500, "WTW304")
        assert client.infer("classifier", tensor("x", numpy.zeros((1, 8)))).status == 200


def test_two_packages_of_one_name(packages: Packages) -> None:
    with (
        pytest.raises(UserError, match="WTW711"),  # model-twice
        serving(packages("root"), packages("root"), ready=False),
    ):
        pytest.fail("it serves both")


def test_the_workers_end_with_the_service(packages: Packages) -> None:
    with serving(packages("classifier"), workers=2) as client:
        found = pids(client)
        assert len(found) == 2
    until(lambda: not any(map(alive, found)))


def test_models_beyond_the_budget_take_turns(packages: Packages) -> None:
    names = ("classifier", "root", "counter")
    with serving(*map(packages, names), memory=20 << 20) as client:
        for _ in range(2):
            for name in names:
                x = numpy.ones((1, 8 if name == "classifier" else 3))
                assert client.infer(name, tensor("x", x)).status == 200
        [slot] = client.service.pool.slots
        assert sum(slot.heaps.values()) <= 20 << 20
