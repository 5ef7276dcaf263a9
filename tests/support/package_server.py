"""PORT, a package's folder and a page's folder in, a server of them out: a process of its own, so
that a test can kill it and have the next one at once.

It begins at the first line of standard input. A number there is how many bytes of weights it sends
before it falls silent, which a line on standard output tells.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from threading import Thread

from starlette.routing import Mount
from support.faulty import Faulty

from wasm_torch_web.serving import Files, application
from wasm_torch_web.serving.server import listening, run_until_interrupted


def main(port: str, package: str, page: str) -> None:
    """Serves the package at /package/ and the page at / until it is ended."""
    faulty = Faulty(Path(package))
    limit = sys.stdin.readline().strip()
    faulty.limit = int(limit) if limit else None
    Thread(target=tell, args=(faulty,), daemon=True).start()
    routes = [Mount("/package", faulty), Mount("/", Files(directory=page, html=True))]
    with listening("127.0.0.1", int(port)) as listener:
        run_until_interrupted(application(routes), listener)


def tell(faulty: Faulty) -> None:
    """Says when nothing more comes."""
    while not faulty.waits():
        time.sleep(0.01)
    print("silent", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
