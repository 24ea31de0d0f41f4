"""A backlog in a gateway's spool, appended through the spool itself as the sampler does it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks import meter, stations
from benchmarks.stations import Load
from edge.card import quotas
from edge.clock import SystemClock
from edge.config import SpoolSettings
from edge.sampler import GROUP_ROWS, Sample
from edge.spool import Spool

APART_MS = 10
"""Between two samples of a station."""


@dataclass(frozen=True, slots=True)
class Appended:
    """How fast it went, commit after commit.

    Attributes:
        bytes_per_record: handed to the disk, write-ahead log and checkpoints too.
        p50_ms, p99_ms: of a commit of GROUP_ROWS records.
    """

    records: int
    records_per_s: float
    bytes_per_record: float
    p50_ms: float
    p99_ms: float


def append(path: Path, records: int, load: Load) -> Appended:
    """Append so many samples of the stations; the newest is of now. The gateway must not run.

    Raises:
        EdgeError: the spool does not take them.
    """
    clock = SystemClock()
    now_ms = clock.mono_ms()
    spool = Spool(str(path), quotas=quotas(SpoolSettings()))
    spool.open(clock.boot_id(), now_ms)
    groups = list(_groups(records, load, now_ms))
    took_s = []
    before = meter.written_bytes(os.getpid())
    for group in groups:
        began_s = time.perf_counter()
        spool.append_samples(group)
        took_s.append(time.perf_counter() - began_s)
    written = meter.written_bytes(os.getpid()) - before
    spool.close()
    took_s.sort()
    return Appended(
        records,
        records / sum(took_s),
        written / records,
        1000 * took_s[len(took_s) // 2],
        1000 * took_s[len(took_s) * 99 // 100],
    )


def _groups(records: int, load: Load, now_ms: int) -> Iterator[list[Sample]]:
    random = Random(records)
    first_ms = max(0, now_ms - records // load.stations * APART_MS)
    names = load.names
    quantities = tuple(register.quantity for register in stations.REGISTERS)
    for start in range(0, records, GROUP_ROWS):
        yield [
            Sample(
                names[at % load.stations],
                stations.KIND,
                quantities,
                tuple(round(random.uniform(r.low, r.high) / r.scale) * r.scale for r in stations.REGISTERS),
                (),
                first_ms + at // load.stations * APART_MS,
            )
            for at in range(start, min(start + GROUP_ROWS, records))
        ]
