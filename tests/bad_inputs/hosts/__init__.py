"""Cases in a folder in, what each host makes of them out: Python, Node, Chromium.

An outcome has a word for each step that was taken: the code of an error, or what came out of it.
What is no such code (an exception that has none, a hang) is a finding.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy
from playwright.sync_api import Browser
from starlette.routing import Mount
from support.browser import tab

from wasm_torch_web.engine.model import load
from wasm_torch_web.engine.records import NUMPY
from wasm_torch_web.errors import WtwError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.inspection import inspect
from wasm_torch_web.serving import Files, application, running
from wasm_torch_web.serving.api import models
from wasm_torch_web.serving.guard import STRICT_CSP
from wasm_torch_web.verify.tab import wait_for
from wasm_torch_web.verify.validate import check_files

HERE = Path(__file__).parent
RUNTIME = HERE.parents[2] / "wasm_torch_web" / "runtime"
CODED = re.compile(r"WTW\d{3}")
SECONDS = 1  # of a run that a hostile loop would make endless
BYTES = 1 << 28
CHUNK = 40
Outcome = dict[str, Any]


def said(work: Callable[[], str | None]) -> str:
    """What it gives, or the code of its error; else the error."""
    try:
        return work() or "ok"
    except WtwError as error:
        str(error).encode()  # a message can be shown
        return error.code
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:500]


def in_python(folder: Path, entry: dict[str, Any]) -> Outcome:
    """What `load` and `run`, `inspect`, the service and `validate` make of a package."""
    found = {"manifest": said(lambda: manifests.read(folder) and None)}
    if found["manifest"] == "ok":  # which all of them read first
        found["serve"] = said(lambda: models.read(folder) and None)
        found["inspect"] = said(lambda: _inspected(folder))
        found["validate"] = said(lambda: check_files(folder, manifests.read(folder)))

    def loaded() -> None:
        with load(folder, timeout=SECONDS, memory_limit=BYTES) as model:
            found["run"] = said(lambda: _digest(model, entry["given"]))

    found["load"] = said(loaded)
    return found


def _inspected(folder: Path) -> None:
    found = inspect(folder)
    json.dumps(found.to_json())
    assert list(found.tables())


def _digest(model: Any, given: Sequence[dict[str, Any]]) -> str:
    inputs = {port.name: _array(one) for port, one in zip(model.info.inputs, given, strict=False)}
    outputs = model.run(inputs)
    digest = hashlib.sha256()
    for port in model.info.outputs:
        value = outputs[port.name]
        if isinstance(value, numpy.ndarray):
            shape = ",".join(map(str, value.shape))
            digest.update(f"{port.dtype} {shape}".encode() + value.tobytes())
        else:
            digest.update(b"number" + numpy.array([value], "<f8").tobytes())
    return digest.hexdigest()[:16]


def _array(given: dict[str, Any]) -> Any:
    content = base64.b64decode(given["data"])
    return numpy.frombuffer(content, NUMPY[given["dtype"]]).reshape(given["shape"])


def in_node(folder: Path, seconds: float) -> list[Outcome]:
    """Of all cases, in one process; less of them where it ended or hung."""
    js = RUNTIME / "js" / "loader.node.js"
    command = ["node", "--no-warnings", HERE / "node.mjs", js, RUNTIME, folder]
    with (folder / "node.jsonl").open("w") as out:
        subprocess.run(command, stdout=out, timeout=seconds, check=False)
    return [json.loads(line) for line in (folder / "node.jsonl").read_text().splitlines()]


def in_chromium(browser: Browser, folder: Path, cases: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Of all cases, on one page."""
    served = {"/cases": folder, "/runtime": RUNTIME, "/js": RUNTIME / "js", "/": HERE}
    routes = [Mount(path, Files(directory=at, html=True)) for path, at in served.items()]
    found: list[Outcome] = []
    with running(application(routes, f"{STRICT_CSP}; img-src data:")) as url, tab(browser) as page:
        page.goto(url)
        wait_for(page, "window.outcomes")
        for first in range(0, len(cases), CHUNK):
            chunk = [*enumerate(cases)][first : first + CHUNK]
            found += page.evaluate("cases => outcomes(cases)", chunk)
    return found
