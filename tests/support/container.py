"""The folder of an image in, its containers out, as near as can be where no container engine runs.

The Dockerfile's RUN lines are run as they stand, and its command line at the same paths, by
Debian's bubblewrap: in namespaces of its own, as another user, without capabilities, on a root file
system that is read-only. What is not the image's is this machine's Python and its /usr. Containers
share the network of this machine, so ports are free ones in the place of fixed ones.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .debian import unpacked
from .deployed import instructions, words
from .ports import free_port
from .tools import PATIENCE, answers

DEBIAN = Path(__file__).parents[2] / "build" / "debian"
PORT = "8000"
HOSTS = "127.0.0.1 localhost service\n"
USR = (("usr/bin", "/bin"), ("usr/sbin", "/sbin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64"))


def sandboxed(
    command: Sequence[str],
    folder: Path,
    readable: Mapping[str, Path],
    writable: Mapping[str, Path] | None = None,
    user: int = 10001,
) -> list[str]:
    """The command line that runs `command` so; `folder` is for files of its own."""
    (folder / "hosts").write_text(HOSTS)
    found = [str(unpacked(DEBIAN / "bubblewrap", "bubblewrap") / "usr/bin/bwrap")]
    found += ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--new-session"]
    found += ["--die-with-parent", "--as-pid-1", "--cap-drop", "ALL"]
    found += ["--uid", str(user), "--gid", str(user)]
    found += ["--ro-bind", "/usr", "/usr", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    for target, link in USR:
        found += ["--symlink", target, link]
    own = {"/etc/hosts": folder / "hosts", sys.base_prefix: Path(sys.base_prefix)}
    shared = ("/etc/ssl", "/etc/resolv.conf", "/etc/pip.conf", "/etc/ld.so.cache")
    own |= {path: Path(path) for path in shared}
    for target, source in {**own, **readable}.items():
        found += ["--ro-bind-try", str(source), target]
    for target, source in (writable or {}).items():
        found += ["--bind", str(source), target]
    return [*found, "--remount-ro", "/", *command]


@dataclass
class Image:
    """What `docker build` would have made of a folder: `opt` is its /opt."""

    folder: Path
    opt: Path
    scratch: Path

    @classmethod
    def built(cls, folder: Path, scratch: Path) -> Image:
        """Runs the Dockerfile's RUN lines, which fill /opt."""
        opt = scratch / "opt"
        opt.mkdir(parents=True)
        context = {"/build/requirements.txt": folder / "requirements.txt"}
        context["/build/wheels"] = folder / "wheels"
        path = f"{sys.base_prefix}/bin:/usr/bin"
        for word, line in instructions(folder / "Dockerfile"):
            if word == "RUN":
                shell = sandboxed(["/bin/sh", "-ec", line], scratch, context, {"/opt": opt})
                subprocess.run(shell, check=True, env={**os.environ, "PATH": path, "HOME": "/tmp"})
        return cls(folder, opt, scratch)

    def environment(self) -> dict[str, str]:
        """What ENV says."""
        found = {"PATH": f"{sys.base_prefix}/bin:/usr/bin"}
        for word, line in instructions(self.folder / "Dockerfile"):
            for pair in shlex.split(line) if word == "ENV" else ():
                name, _, value = pair.partition("=")
                found[name] = value.replace("$PATH", found["PATH"])
        return found

    def command(self, given: Sequence[str], port: int) -> list[str]:
        """Runs these words in a container whose port 8000 is another one."""
        changed = [word.replace(PORT, str(port)) for word in given]
        places = {"/opt": self.opt, "/site": self.folder / "site"}
        return sandboxed(changed, self.scratch, places)

    def run(self, given: Sequence[str], port: int = 0) -> subprocess.CompletedProcess[str]:
        """To its end."""
        command = self.command(given, port)
        environment = self.environment()
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    @contextmanager
    def running(
        self, options: Sequence[str] | None = None, environment: Mapping[str, str] | None = None
    ) -> Iterator[Container]:
        """The container, ready; `options` in the place of CMD."""
        dockerfile, port = self.folder / "Dockerfile", free_port()
        entry = words(dockerfile, "ENTRYPOINT")
        command = self.command([*entry, *(options or words(dockerfile, "CMD"))], port)
        log = self.scratch / f"{port}.log"
        with log.open("w") as stream:
            process = subprocess.Popen(
                command,
                env={**self.environment(), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )
            container = Container(process, port, log)
            try:
                container.wait()
                yield container
            finally:
                container.stop()


@dataclass
class Container:
    """A container at work."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def pid(self) -> int:
        """The process that is number 1 inside, as this machine counts."""
        [pid] = children(self.process.pid)
        return pid

    def wait(self) -> None:
        """Until it is ready."""
        answers(self.process, f"http://127.0.0.1:{self.port}/v2/health/ready", self.log)

    def stop(self) -> int:
        """As `docker stop` would; gives the exit code."""
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(PATIENCE)


def children(pid: int) -> list[int]:
    """Of a process."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def family(pid: int) -> list[int]:
    """It and all that it has begun."""
    return [pid, *(one for child in children(pid) for one in family(child))]
