"""How often a process makes the disk keep what it wrote, and how much: that wears a card, and takes its time."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_WRITTEN = re.compile(r"pwrite64\(.* = (\d+)$", re.M)


@dataclass(frozen=True, slots=True)
class Writing:
    """What a process does to its files in a second.

    Attributes:
        flushes_per_s: calls of fsync and fdatasync.
        bytes_per_s: handed over by pwrite, which is how SQLite writes; the file system's journal comes on top.
    """

    flushes_per_s: float
    bytes_per_s: float


def watch(pid: int, seconds: float) -> Writing | None:
    """Look at a process for so long, through strace; None where there is no strace."""
    if shutil.which("strace") is None:
        return None
    with tempfile.NamedTemporaryFile() as trace:
        command = ["timeout", "--signal=INT", str(seconds), "strace", "--quiet=all", "--follow-forks"]
        command += ["--string-limit=0", "--trace=fsync,fdatasync,pwrite64", "--output", trace.name]
        subprocess.run([*command, "--attach", str(pid)], check=False, capture_output=True)
        calls = Path(trace.name).read_text()
    written = sum(int(found) for found in _WRITTEN.findall(calls))
    return Writing(calls.count("sync(") / seconds, written / seconds)
