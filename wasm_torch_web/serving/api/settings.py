"""What the operator of a service decides."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wasm_torch_web.engine.invalid import OnInvalid

MIB = 1 << 20
MAX_JSON_BYTES = 16 * MIB  # parsing takes a second for 100 MB, in which nobody else is served


@dataclass(frozen=True)
class Settings:
    """Limits and habits of a service; the command line has an option for each.

    Attributes:
        workers: processes, each with instances of its own.
        max_batch: the most rows that requests are joined to; 1: they are not.
        batch_delay: the most seconds that a request waits for others to join it.
        timeout: the most seconds of a run.
        wait: the most seconds that a request waits for its turn.
        memory: the most bytes that the models loaded in one worker may take.
        max_body: the most bytes of a request.
        body_seconds: the most seconds in which its body must have come.
        queue: the most requests that wait for one model.
        room: the most bytes that all requests under way may take together.
        rate: the most requests a second from one address.
        on_invalid: error: refuse NaN and infinities, in inputs and in outputs.
        drain: the most seconds that requests under way are given when the service ends.
        hosts: names, besides addresses and localhost, that requests may call the service by.
    """

    workers: int = 1
    max_batch: int = 1
    batch_delay: float = 0.002
    timeout: float = 30.0
    wait: float = 30.0
    memory: int = 2048 * MIB
    max_body: int = 64 * MIB
    body_seconds: float = 30.0
    queue: int = 256
    room: int = 1024 * MIB
    rate: float | None = None
    on_invalid: OnInvalid = "allow"
    drain: float = 30.0
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Monitoring:
    """Where the service tells what it does: `/metrics` and JSON lines on stderr are always on.

    Attributes:
        audit: a file that gets a line for each model that is loaded or unloaded.
        otlp: the address of an OpenTelemetry collector, such as http://localhost:4318.
    """

    audit: Path | None = None
    otlp: str | None = None


def default_workers() -> int:
    """A process for each core but one, which this process needs."""
    return max(1, (os.cpu_count() or 2) - 1)
