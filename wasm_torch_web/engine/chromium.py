"""A package in, a function that runs it in a page of headless Chromium out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wasm_torch_web.engine.runners import Send
from wasm_torch_web.errors import UserError
from wasm_torch_web.verify.chromium import launched
from wasm_torch_web.verify.session import TIMEOUT_SECONDS, open_package


@contextmanager
def opened(package: Path, timeout: float | None) -> Iterator[Send]:
    """Messages of inputs to messages of outputs, in the best variant.

    Raises UserError no-chromium, browser-failed; what the runtime says of inputs.
    """
    with launched() as browser, open_package(browser, package) as model:
        model.load()
        model.seconds = timeout or TIMEOUT_SECONDS
        model.refused = UserError.relayed
        yield lambda message: model.exchange(message)[0]
