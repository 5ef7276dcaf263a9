"""The options of `serve --api`; each is named as the field of `serving.api.Settings` that it sets.

An option that is not given is None, so that the defaults stand in one place.
"""

from __future__ import annotations

from pathlib import Path

import click

from wasm_torch_web.cli.options import SECONDS, Bytes, F, Finite, on_invalid


def service_options(function: F) -> F:
    """`--api`, its limits, `--monitoring` and where that goes."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


OPTIONS = (
    click.option("--api", is_flag=True, help="Run models for clients, under /v2."),
    click.option(
        "--workers",
        type=click.IntRange(1, 256),
        metavar="N",
        help="Processes that run them.  [default: the cores but one]",
    ),
    click.option(
        "--max-batch",
        type=click.IntRange(1, 4096),
        metavar="ROWS",
        help="Join requests along a dynamic leading axis, up to so many rows.  [default: 1, not]",
    ),
    click.option(
        "--batch-delay",
        type=Finite(0, 10_000),
        metavar="MS",
        help="How long a request waits for others to join it.  [default: 2]",
    ),
    click.option(
        "--timeout", type=SECONDS, metavar="SECONDS", help="The most of a run.  [default: 30]"
    ),
    click.option(
        "--wait", type=SECONDS, metavar="SECONDS", help="The most in the queue.  [default: 30]"
    ),
    click.option(
        "--memory-limit",
        "memory",
        type=Bytes(),
        help="The most that a worker's models take; the least used make room.  [default: 2GiB]",
    ),
    click.option("--max-body", type=Bytes(), help="The largest request.  [default: 64MiB]"),
    click.option(
        "--queue",
        type=click.IntRange(1, 1_000_000),
        metavar="N",
        help="How many requests may wait for a model.  [default: 256]",
    ),
    click.option(
        "--room", type=Bytes(), help="The most that requests under way take.  [default: 1GiB]"
    ),
    click.option("--rate", type=SECONDS, metavar="N", help="Requests a second from one address."),
    on_invalid("What has NaN or infinity, in inputs and in outputs.  [default: allow]"),
    click.option(
        "--drain",
        type=Finite(0, 3600),
        metavar="SECONDS",
        help="How long SIGTERM waits for requests under way.  [default: 30]",
    ),
    click.option(
        "--allow-host",
        "hosts",
        metavar="NAME",
        multiple=True,
        help="A name that requests may call this machine by; * is any.",
    ),
    click.option(
        "--monitoring", is_flag=True, help="/metrics for Prometheus, JSON lines on stderr."
    ),
    click.option(
        "--audit-log",
        "audit",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A line for each model that is loaded, with its hashes.",
    ),
    click.option("--otlp", metavar="URL", help="An OpenTelemetry collector to send traces to."),
)
