"""PORT, a package's folder, a page's folder and SECONDS for each 64 KiB of weights in, a server of
them out, from the first line on standard input on: a process of its own, so that a test can kill
it and have the next one at once."""

from __future__ import annotations

import sys
from pathlib import Path

from starlette.routing import Mount
from support.faulty import Faulty

from wasm_torch_web.serving import Files, application
from wasm_torch_web.serving.server import listening, run_until_interrupted


def main(port: str, package: str, page: str, seconds: str) -> None:
    """Serves the package at /package/ and the page at / until it is ended."""
    slow = Faulty(Path(package))
    slow.seconds = float(seconds)
    sys.stdin.readline()
    routes = [Mount("/package", slow), Mount("/", Files(directory=page, html=True))]
    with listening("127.0.0.1", int(port)) as listener:
        run_until_interrupted(application(routes), listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
