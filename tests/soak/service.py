"""A service at work for long, whose workers are killed: every answer right, its memory flat.

    PYTHONPATH=tests:. python -m soak.service [--minutes 30] [--seed 0]

Clients ask several models for several sizes, and for what must be refused. Now and then a worker is
killed, or stopped so that it hangs. An answer is PyTorch's, or the refusal that was asked for, or a
503 that says when to come again: of those each lost worker costs one for each client at most.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy
from soak.soak import MIB, PATIENCE, is_flat, main, make

from bench.serving import Served, served
from wasm_torch_web.serving.api import models

CLIENTS, WORKERS = 4, 2
BETWEEN = (4.0, 12.0)  # seconds from one lost worker to the next
RUN_SECONDS = 5  # after which a worker that hangs is replaced
REFUSED = 0.1  # of the requests do not fit the model
SAY_SECONDS = 10


class Clients:
    """What they ask, and what they have seen."""

    def __init__(self, service: Served, folder: Path, seed: int) -> None:
        self.service, self.seed = service, seed
        self.cases: dict[str, list[Any]] = json.loads((folder / "cases.json").read_text())
        self.models = {name: models.read(folder / name) for name in self.cases}
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.over = threading.Event()

    def asking(self, number: int) -> None:
        """One client, until it is over."""
        draws = random.Random(self.seed * CLIENTS + number)
        while not self.over.is_set():
            name = draws.choice(list(self.cases))
            case = draws.choice(self.cases[name])
            fits = draws.random() > REFUSED
            try:
                self.ask(name, case, fits)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.wrong.append(f"{name}: {type(error).__name__}: {error}")

    def ask(self, name: str, case: dict[str, Any], fits: bool) -> None:
        model = self.models[name]
        inputs = [
            {**given.metadata(), **case["inputs"][given.name], **({} if fits else {"shape": [3]})}
            for given in model.inputs
        ]
        connection = http.client.HTTPConnection(self.service.address, timeout=PATIENCE)
        body = json.dumps({"inputs": inputs})
        connection.request("POST", f"/v2/models/{model.name}/infer", body)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        if answer.status == 503 and answer.getheader("retry-after"):
            self.seen["lost"] += 1
        elif (answer.status, fits) == (400, False):
            self.seen["refused"] += 1
        elif (answer.status, fits) == (200, True) and same(content["outputs"], case["outputs"]):
            self.seen["right"] += 1
        else:
            self.wrong.append(f"{name}: {answer.status} {str(content)[:200]}")

    def losing(self) -> None:
        """Workers, one at a time, until it is over."""
        draws = random.Random(self.seed)
        while not self.over.wait(draws.uniform(*BETWEEN)):
            if workers := self.service.workers():
                how = draws.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP])
                os.kill(draws.choice(workers), how)
                self.seen["workers lost"] += 1


def same(outputs: list[dict[str, Any]], wanted: dict[str, Any]) -> bool:
    """Within the tolerance of whole models."""
    for output in outputs:
        found, reference = (numpy.array(o["data"]) for o in (output, wanted[output["name"]]))
        bound = 1e-4 * max(1.0, float(numpy.abs(reference).max()))
        if found.shape != reference.shape or not (numpy.abs(found - reference) <= bound).all():
            return False
    return len(outputs) == len(wanted)


def soak(minutes: float, seed: int) -> bool:
    """Whether all was as it should be; says what was seen."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        first, *others = (
            str(folder / model) for model in json.loads((folder / "cases.json").read_text())
        )
        options = (*others, "--workers", str(WORKERS), "--timeout", str(RUN_SECONDS))
        with served(Path(first), options) as service:
            clients = Clients(service, folder, seed)
            tasks = [threading.Thread(target=clients.losing)]
            tasks += [threading.Thread(target=clients.asking, args=(i,)) for i in range(CLIENTS)]
            for task in tasks:
                task.start()
            memory = watched(clients, time.monotonic() + 60 * minutes)
            clients.over.set()
            for task in tasks:
                task.join()
    for text in clients.wrong:
        print(text)
    few = clients.seen["lost"] <= CLIENTS * clients.seen["workers lost"]
    return is_flat(memory) and few and not clients.wrong


def watched(clients: Clients, end: float) -> list[int]:
    """The service's memory until the end, or until something is wrong."""
    memory = []
    while time.monotonic() < end and not clients.wrong:
        time.sleep(SAY_SECONDS)
        memory.append(clients.service.memory()[0])
        counts = ", ".join(f"{count} {what}" for what, count in clients.seen.items())
        print(f"{counts}; {memory[-1] / MIB:.0f} MiB", flush=True)
    return memory


if __name__ == "__main__":
    main(soak, __doc__)
