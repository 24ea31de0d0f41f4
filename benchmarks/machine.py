"""The machine that is measured."""

from __future__ import annotations

import os
from pathlib import Path


def name() -> str:
    """Its processor and how many of them it has."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{os.cpu_count()} × {line.partition(':')[2].strip()}"
    return f"{os.cpu_count()} processors"
