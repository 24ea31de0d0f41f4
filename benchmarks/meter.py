"""What one process takes, finer than a hundredth of a second: for a gateway that is nearly idle."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Reading:
    """A process at one moment.

    Attributes:
        at_s: monotonic clock.
        cpu_s: processor seconds since its start, all threads.
        switches: how often one of its threads went to sleep since its start.
        rss_mb, pss_mb: resident memory, and its share of it, in MB of a million bytes.
    """

    at_s: float
    cpu_s: float
    switches: int
    rss_mb: float
    pss_mb: float
    threads: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process took between two readings."""

    seconds: float
    cpu_s: float
    switches: int

    @property
    def cpu_pct(self) -> float:
        """Percent of one core."""
        return 100 * self.cpu_s / self.seconds


def read(pid: int) -> Reading:
    """The process now.

    Raises:
        OSError: it does not run.
    """
    folder = _PROC / str(pid)
    memory = _pairs(folder / "smaps_rollup")
    tasks = [_pairs(task / "status") for task in (folder / "task").iterdir()]
    return Reading(
        at_s=time.monotonic(),
        cpu_s=cpu_s(pid),
        switches=sum(task["voluntary_ctxt_switches"] for task in tasks),
        rss_mb=memory["Rss"] * 1024 / 1e6,
        pss_mb=memory["Pss"] * 1024 / 1e6,
        threads=len(tasks),
    )


def cpu_s(pid: int) -> float:
    """Processor seconds of a process, counted in nanoseconds (clock_getcpuclockid(3) makes the id like this)."""
    return time.clock_gettime(~pid << 3 | 2)


def written_bytes(pid: int) -> int:
    """Bytes that a process has handed to files and pipes since its start.

    Its ``write_bytes`` would be what reached the disk; but Linux counts there a whole folio, of up to a megabyte in
    the page cache of ext4, for each page in it that is written.
    """
    return _pairs(_PROC / str(pid) / "io")["wchar"]


def between(first: Reading, last: Reading) -> Spent:
    """What was taken from the first reading to the last."""
    return Spent(last.at_s - first.at_s, last.cpu_s - first.cpu_s, last.switches - first.switches)


def _pairs(path: Path) -> dict[str, int]:
    """The lines ``name: number`` of a file; others are passed over."""
    found = {}
    for line in path.read_text().splitlines():
        name, _, rest = line.partition(":")
        number = rest.split(maxsplit=1)[0] if rest.strip() else ""
        if number.isdigit():
            found[name] = int(number)
    return found
