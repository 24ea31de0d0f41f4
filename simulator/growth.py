"""Whether something grows: slopes of what was measured each minute, and what they say. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median

WARM_UP_S = 32 * 60.0
WARM_UP_SHARE = 0.25
"""The first part of a soak says nothing: libraries are loaded at their first use, caches fill, and the hub keeps the
last half hour of each river for its rate of rise. A soak of less than twice that counts after its
first quarter, and shows less."""

FLAT_MB_H = 1.0
FLAT_SHARE_H = 0.03
"""Memory that grows by less than this an hour, in MB or as a share of itself, is flat: allocators breathe by as
much."""

BREATH_S = 600.0
"""Within so long memory goes up and down by itself, as a garbage collector lets it: what rises over the whole soak by
less than that may be chance. A leak rises through every ten minutes and is far above its own breath."""

_TROUBLE = re.compile(
    r"\b(WARNING|ERROR|CRITICAL|Traceback)\b|\blvl=(warn|error)\b|(?:^|\s)(Warning|Error): |panic: "
)
_NUMBERS = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{16,}\b|\d+(\.\d+)?")
_STAMP = re.compile(r"^(ts=\S+ |\d[\d\-T:.,]*Z?:?\s+)+")


@dataclass(frozen=True, slots=True)
class Minute:
    """What was measured at one time.

    Attributes:
        at_s: since the beginning of the soak.
        processes: by name: resident kB, open files, threads, processor seconds, process id.
        disk_kb: by folder of the city.
    """

    at_s: float
    processes: Mapping[str, Mapping[str, float]]
    disk_kb: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Line:
    """How one thing behaved after the warm-up.

    Attributes:
        first, last: at the beginning and the end, medians of a tenth of the values.
        per_hour: slope, in the unit of the values.
        breath: by how much it goes up and down within ten minutes; the median of these spans.
    """

    name: str
    first: float
    last: float
    most: float
    per_hour: float
    breath: float
    flat: bool


def slope_per_hour(points: Sequence[tuple[float, float]]) -> float:
    """The median of all slopes between two points (seconds, value), an hour: a few outliers do not move it."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0]]
    return 3600 * median(slopes) if slopes else 0.0


def settled(minutes: Sequence[Minute]) -> Sequence[Minute]:
    """The minutes after the warm-up."""
    if not minutes:
        return minutes
    length_s = minutes[-1].at_s - minutes[0].at_s
    warm_s = WARM_UP_S if length_s >= 2 * WARM_UP_S else WARM_UP_SHARE * length_s
    return [one for one in minutes if one.at_s >= minutes[0].at_s + warm_s]


def memory(minutes: Sequence[Minute]) -> list[Line]:
    """Resident memory of each process in MB. One that was started again in between has no slope across that."""
    found = []
    for name in sorted({name for one in minutes for name in one.processes}):
        of = [(one.at_s, one.processes[name]) for one in settled(minutes) if name in one.processes]
        of = [(at_s, taken) for at_s, taken in of if taken.get("pid") == of[-1][1].get("pid")]
        found.append(_line(name, [(at_s, taken["rss_kb"] / 1024) for at_s, taken in of]))
    return found


def counts(minutes: Sequence[Minute], what: str) -> list[Line]:
    """``files`` or ``threads`` of each process: flat when there are not more at the end than at the beginning."""
    found = []
    for name in sorted({name for one in minutes for name in one.processes}):
        of = [(one.at_s, one.processes[name][what]) for one in settled(minutes) if name in one.processes]
        line = _line(name, of)
        found.append(replace(line, flat=line.last <= line.first + 2))
    return found


def disk(minutes: Sequence[Minute]) -> list[Line]:
    """Room of each folder in MB, and of all."""
    names = sorted({name for one in minutes for name in one.disk_kb})
    after = settled(minutes)
    lines = [_line(name, [(m.at_s, m.disk_kb.get(name, 0) / 1024) for m in after]) for name in names]
    return [*lines, _line("total", [(m.at_s, sum(m.disk_kb.values()) / 1024) for m in after])]


def _line(name: str, points: Sequence[tuple[float, float]]) -> Line:
    values = [value for _, value in points]
    if not values:
        return Line(name, 0, 0, 0, 0, 0, True)
    few = max(1, len(values) // 10)
    slope, breath = slope_per_hour(points), _breath(points)
    rise = slope * (points[-1][0] - points[0][0]) / 3600
    flat = slope <= max(FLAT_MB_H, FLAT_SHARE_H * median(values)) or rise < breath
    return Line(name, median(values[:few]), median(values[-few:]), max(values), slope, breath, flat)


def _breath(points: Sequence[tuple[float, float]]) -> float:
    blocks: dict[int, list[float]] = {}
    for at_s, value in points:
        blocks.setdefault(int((at_s - points[0][0]) // BREATH_S), []).append(value)
    return median(max(values) - min(values) for values in blocks.values())


def troubles(lines: Iterable[str]) -> dict[str, int]:
    """Warnings and errors of a log, counted by what they say; numbers and times do not tell two apart."""
    found: dict[str, int] = {}
    for line in lines:
        if _TROUBLE.search(line):
            said = _NUMBERS.sub("#", _STAMP.sub("", line.strip()))[:200]
            found[said] = found.get(said, 0) + 1
    return found
