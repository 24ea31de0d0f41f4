"""What the kernel says about our processes: memory, open files, threads, and the room a folder takes."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process takes now.

    Attributes:
        rss_kb: resident memory.
        files: open file descriptors.
        cpu_s: processor time since its start.
    """

    pid: int
    rss_kb: int
    files: int
    threads: int
    cpu_s: float


def usage(pid: int) -> Usage | None:
    """What a process takes; None where it does not run (any more)."""
    try:
        status = dict(
            line.split(":", 1)
            for line in (PROC / str(pid) / "status").read_text().splitlines()
            if ":" in line
        )
        files = sum(1 for _ in (PROC / str(pid) / "fd").iterdir())
        spent = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if "VmRSS" not in status:
        return None  # a zombie has no memory
    ticks = int(spent[11]) + int(spent[12])
    return Usage(
        pid, int(status["VmRSS"].split()[0]), files, int(status["Threads"]), ticks / os.sysconf("SC_CLK_TCK")
    )


def minds(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal. Before that most signals end it."""
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def command_line(pid: int) -> list[str]:
    """How a process was started; empty where it does not run."""
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    return []


def children(pid: int) -> Iterator[int]:
    """The processes that a process has started and that still run."""
    for task in sorted((PROC / str(pid) / "task").glob("*/children")):
        with contextlib.suppress(OSError):
            yield from (int(one) for one in task.read_text().split())


def name_of(line: list[str]) -> str:
    """A city's process by name, from how it was started: ``hub``, ``influxd``, a gateway's id; else the program."""
    if "simulator.gateway" in line and "--config" in line:
        return Path(line[line.index("--config") + 1]).stem
    for module, name in (("hub.cli", "hub"), ("provisioning.cli", "enrolment"), ("simulator.cli", "demo")):
        if module in line:
            return name
    return Path(line[0]).name if line else ""


def listener(port: int) -> str:
    """Who listens on a TCP port of this machine, as ``name (pid)``; empty where that cannot be seen."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                field = line.split()
                if field[3] == "0A" and int(field[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{field[9]}]")
    for process in PROC.iterdir() if sockets else ():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and any(
                str(fd.readlink()) in sockets for fd in (process / "fd").iterdir()
            ):
                return f"{(process / 'comm').read_text().strip()} ({process.name})"
    return ""


def disk_bytes(folder: Path) -> int:
    """The room that a folder's files take on the disk, holes not counted."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_blocks * 512
    return total
