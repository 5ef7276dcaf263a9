"""What `deploy docker` writes for nginx in, Debian's nginx with that file out."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .container import DEBIAN, sandboxed
from .debian import environment, unpacked
from .ports import free_port
from .tools import PATIENCE

PACKAGES = ("nginx", "nginx-common", "libnginx-mod-http-brotli-static")
CERTIFICATE = (
    *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
    *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
)


@dataclass
class Answer:
    """What came back; names of headers in lower case, each as often as it came."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes

    def all(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for key, value in self.headers if key == name]


@dataclass
class Front:
    """nginx at work: its ports, and who may be trusted to be it."""

    plain: int
    port: int
    certificate: Path

    @property
    def url(self) -> str:
        """Of its pages."""
        return f"https://127.0.0.1:{self.port}"

    def context(self) -> ssl.SSLContext:
        """Trusts its certificate alone."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def connection(self) -> http.client.HTTPSConnection:
        """A new one."""
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=PATIENCE, context=self.context()
        )

    def ask(self, path: str, body: bytes | None = None, method: str = "", **headers: str) -> Answer:
        """GET, or POST of a body."""
        connection = self.connection()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method or ("GET" if body is None else "POST"), path, body, named)
        response = connection.getresponse()
        found = [(name.lower(), value) for name, value in response.getheaders()]
        answer = Answer(response.status, found, response.read())
        connection.close()
        return answer


def nginx(
    configuration: Path, folder: Path, places: Mapping[str, Path], *options: str
) -> tuple[list[str], dict[str, str]]:
    """The command line that runs nginx with the file at /etc/nginx/nginx.conf, and what else lies
    at which places; and its environment."""
    root = unpacked(DEBIAN / "nginx", *PACKAGES)
    readable = {str(root): root, "/etc/nginx": root / "etc/nginx"}
    readable |= {"/etc/nginx/nginx.conf": configuration, **places}
    command = [f"{root}/usr/sbin/nginx", "-e", "stderr", "-c", "/etc/nginx/nginx.conf", *options]
    return sandboxed(command, folder, readable, user=101), environment(root)


def brotli_module() -> str:
    """The line that makes nginx send FILE.br."""
    root = unpacked(DEBIAN / "nginx", *PACKAGES)
    return f"load_module {root}/usr/lib/nginx/modules/ngx_http_brotli_static_module.so;\n"


@contextmanager
def front(deployed: Path, service: int, folder: Path) -> Iterator[Front]:
    """nginx before the service at a port of this machine, with a certificate of its own."""
    folder.mkdir()
    certs = folder / "certs"
    certs.mkdir()
    keys = ["-keyout", certs / "tls.key", "-out", certs / "tls.crt"]
    subprocess.run([*CERTIFICATE, *keys], check=True, capture_output=True)
    found = Front(free_port(), free_port(), certs / "tls.crt")
    changes = {
        "listen 8080;": f"listen 127.0.0.1:{found.plain};",
        "listen 8443 ssl": f"listen 127.0.0.1:{found.port} ssl",
        "server service:8000;": f"server service:{service};",
        "# brotli_static on;": "brotli_static on;",
    }
    text = brotli_module() + (deployed / "nginx/nginx.conf").read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)
    places = {"/site": deployed / "image/site", "/certs": certs}
    tested, env = nginx(folder / "nginx.conf", folder, places, "-t")
    done = subprocess.run(tested, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr, done.stderr
    command, env = nginx(folder / "nginx.conf", folder, places, "-g", "daemon off;")
    with running(command, env, found.port, folder):
        yield found


@contextmanager
def running(
    command: Sequence[str], env: Mapping[str, str], port: int, folder: Path
) -> Iterator[None]:
    """A server in a sandbox, once it listens; it ends with the sandbox."""
    log = folder / "server.log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        )
        try:
            end = time.monotonic() + PATIENCE
            while not listens(port):
                assert server.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            server.kill()
            server.wait(PATIENCE)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
