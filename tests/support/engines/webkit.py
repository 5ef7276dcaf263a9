"""WebKitGTK as an Engine, over WebDriver: each profile is a browser of its own, on a virtual
display.

WebDriver tells nothing of the console, and a browser that it drives prints nothing of it: what a
page complains of is heard in the page, from the moment it has loaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import WebKitGTK
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service
from support.engines import Engine

from wasm_torch_web.verify.tab import TabError

DRIVER = "WebKitWebDriver"
BROWSERS = "webkit2gtk-4.*/MiniBrowser"  # under a folder of /usr/lib
PATIENCE_SECONDS = 600
LISTEN = """
() => {
  const heard = (window.complaints = []);
  const { error } = console;
  console.error = (...words) => {
    heard.push(words.join(' '));
    error.apply(console, words);
  };
  addEventListener('unhandledrejection', ({ reason }) => heard.push(String(reason)));
  const failed = ({ message, target }) => heard.push(message ?? `${target.src ?? target.href}`);
  addEventListener('error', failed, true); // also of elements whose file does not come
}
"""
# A promise that rejects would only say that it did.
CALL = """
const [argument, done] = arguments;
const call = async () => (%s)(argument);
call().then(
  (value) => done({ value }),
  (error) => done({ error: String(error?.message ?? error) }),
);
"""


class _Tab:
    """See wasm_torch_web/verify/tab.py."""

    def __init__(self, driver: WebKitGTK, handle: str) -> None:
        self._driver = driver
        self._handle = handle

    @property
    def errors(self) -> list[str]:
        found: list[str] = self.evaluate("() => window.complaints")
        return found

    def goto(self, url: str) -> None:
        self._asked(self._driver.get, url)
        self.evaluate(LISTEN)

    def evaluate(self, function: str, argument: object = None) -> Any:
        answer = self._asked(self._driver.execute_async_script, CALL % function, argument)
        if "error" in answer:
            raise TabError(answer["error"])
        return answer.get("value")

    def _asked(self, action: Any, *arguments: object) -> Any:
        try:
            self._driver.switch_to.window(self._handle)
            return action(*arguments)
        except WebDriverException as error:
            raise TabError(str(error.msg)) from error


@contextmanager
def started() -> Iterator[Engine]:
    """WebKitGTK's small browser, ready to be started."""
    driver, browser = shutil.which(DRIVER), next(Path("/usr/lib").glob(f"*/{BROWSERS}"), None)
    if driver is None or browser is None:
        raise FileNotFoundError("no WebKitGTK with its WebDriver: run make engines")
    with _display() as display:
        environment = os.environ | {"DISPLAY": display}
        if os.geteuid() == 0:  # WebKit refuses to sandbox itself for root
            environment["WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS"] = "1"
        told = subprocess.run(
            [browser, "--version"], env=environment, capture_output=True, text=True, check=True
        )
        profile = partial(_profile, driver, browser, environment)
        yield Engine("webkit", told.stdout.strip(), profile)


@contextmanager
def _display() -> Iterator[str]:
    """A screen without hardware, at the first number that is free."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout
        try:
            yield f":{server.stdout.readline().strip()}"
        finally:
            server.terminate()


@contextmanager
def _profile(
    driver: str, browser: Path, environment: dict[str, str]
) -> Iterator[Callable[[], _Tab]]:
    options = Options()
    options.binary_location = str(browser)
    options.add_argument("--automation")
    service = Service(driver, env=environment)
    running = WebKitGTK(options=options, service=service)
    running.set_script_timeout(PATIENCE_SECONDS)
    unused = [running.current_window_handle]

    def open_tab() -> _Tab:
        if unused:  # the one that it starts with
            return _Tab(running, unused.pop())
        running.switch_to.new_window("tab")
        return _Tab(running, running.current_window_handle)

    try:
        yield open_tab
    finally:
        running.quit()
