"""A package in, a function that runs it in a page of headless Chromium out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from wasm_torch_web.engine.runners import Send
from wasm_torch_web.errors import UserError
from wasm_torch_web.verify.chromium import launched
from wasm_torch_web.verify.session import TIMEOUT_SECONDS, BrowserModel, open_package


@contextmanager
def opened(package: Path, timeout: float | None) -> Iterator[Send]:
    """Messages of inputs to messages of outputs, in the best variant.

    Raises UserError no-chromium, browser-failed; what the runtime says of inputs.
    """
    # Playwright wants one thread for all calls, and none that has an asyncio loop.
    with ThreadPoolExecutor(1) as thread, ExitStack() as browser:
        model = thread.submit(_model, browser, package, timeout).result()
        try:
            yield lambda message: thread.submit(model.exchange, message).result()[0]
        finally:
            thread.submit(browser.close).result()


def _model(browser: ExitStack, package: Path, timeout: float | None) -> BrowserModel:
    model = browser.enter_context(open_package(browser.enter_context(launched()), package))
    model.load()
    model.seconds = timeout or TIMEOUT_SECONDS
    model.refused = UserError.relayed
    return model
