"""What is kept of many values of one field: how many, lowest, mean, highest, last. Pure.

Buckets of parts of a time make the bucket of the whole, so that an hour needs no more than its minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum

PARTS = ("_count", "_min", "", "_max", "_last")
"""What each part is called behind its field's name. The mean has the name of the field itself, so that a question for
values is a question for means where there are no values."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Values of one field of one series in one window; ``count`` is at least 1."""

    count: int
    low: float
    mean: float
    high: float
    last: float

    @property
    def total(self) -> float:
        """The sum of all values."""
        return self.mean * self.count

    def fields(self, name: str) -> str:
        """As line protocol writes it. All but the count are floats, whatever the type of the values was."""
        parts = (f"{self.count}i", *map(repr, (self.low, self.mean, self.high, self.last)))
        return ",".join(f"{name}{part}={value}" for part, value in zip(PARTS, parts, strict=True))


def of(values: Sequence[float]) -> Bucket:
    """The bucket of values in the order of their times; there is at least one."""
    low, high = min(values), max(values)
    return Bucket(len(values), low, _between(low, fsum(values) / len(values), high), high, values[-1])


def merged(parts: Iterable[Bucket]) -> Bucket | None:
    """The bucket of a time whose parts these are, in the order of time; None where there are none."""
    found = list(parts)
    if not found:
        return None
    count = sum(part.count for part in found)
    low, high = min(part.low for part in found), max(part.high for part in found)
    mean = fsum(part.total for part in found) / count
    return Bucket(count, low, _between(low, mean, high), high, found[-1].last)


def read(cells: Sequence[float | int | None]) -> Bucket | None:
    """The bucket that InfluxDB's five cells are, in the order of PARTS; None where there was no value."""
    count, low, mean, high, last = cells
    if not count or low is None or mean is None or high is None or last is None:
        return None
    return Bucket(int(count), float(low), float(mean), float(high), float(last))


def _between(low: float, mean: float, high: float) -> float:
    """A mean lies between the lowest and the highest, whatever the rounding of a sum has made of it."""
    return min(max(mean, low), high)
