"""A process in, those that it has started out, and the addresses that they listen on (Linux)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
LISTENS = "0A"  # a state of /proc/net/tcp


def started_by(ancestor: int) -> dict[int, str]:
    """Command lines of the processes below it, however deep."""
    parents: dict[int, int] = {}
    for process in PROC.glob("[0-9]*"):
        with suppress(OSError):
            parents[int(process.name)] = int(_fields(process)[1])
    found: dict[int, str] = {}
    ring = {ancestor}
    while ring := {pid for pid, parent in parents.items() if parent in ring}:
        for pid in ring:
            with suppress(OSError):
                words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
                found[pid] = b" ".join(words).decode(errors="replace").strip()
    return {pid: line for pid, line in found.items() if alive(pid)}


def alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return _fields(PROC / str(pid))[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _fields(process: Path) -> list[str]:
    """Its state, its parent and so on: what stands behind its name."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def listening(pids: Iterable[int]) -> set[str]:
    """The addresses of their TCP sockets that wait for connections."""
    sockets = set()
    for pid in pids:
        with suppress(OSError):
            for file in (PROC / str(pid) / "fd").iterdir():
                with suppress(OSError):
                    sockets.add(os.readlink(file))
    found = set()
    for table in ("tcp", "tcp6"):
        for row in (PROC / "net" / table).read_text().splitlines()[1:]:
            words = row.split()
            if words[3] == LISTENS and f"socket:[{words[9]}]" in sockets:
                found.add(_address(words[1].partition(":")[0]))
    return found


def _address(text: str) -> str:
    """Words of 32 bits as this machine has them; IPv4 in IPv6 as IPv4."""
    raw = b"".join(bytes.fromhex(text[i : i + 8])[::-1] for i in range(0, len(text), 8))
    address = ipaddress.ip_address(raw)
    return str(getattr(address, "ipv4_mapped", None) or address)
