"""The machine that is measured."""

from __future__ import annotations

import os
from pathlib import Path


def busy_s() -> float:
    """Processor seconds that all processes of the machine have used since its start."""
    user, nice, system, _idle, _iowait, *interrupts = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def name() -> str:
    """Its processor and how many of them it has."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{os.cpu_count()} × {line.partition(':')[2].strip()}"
    return f"{os.cpu_count()} processors"
