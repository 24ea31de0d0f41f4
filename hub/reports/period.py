"""The time that a report is about: a month of the city's calendar, or a shift. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """From a time up to and without another, ms UTC. ``name`` is ``2026-11``, or what the shift is called."""

    name: str
    from_ms: int
    to_ms: int


def month(name: str, zone: str) -> Period | None:
    """A month, ``YYYY-MM``, of the city's calendar; None where the name is none."""
    found = _MONTH.fullmatch(name)
    if found is None:
        return None
    year, number = int(found[1]), int(found[2])
    after = (year + number // 12, number % 12 + 1)
    first, last = (datetime(*when, 1, tzinfo=ZoneInfo(zone)).timestamp() for when in ((year, number), after))
    return Period(name, int(first * 1000), int(last * 1000))


def month_of(t_ms: int, zone: str) -> str:
    """The month in which a time is."""
    return f"{datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(ZoneInfo(zone)):%Y-%m}"


def neighbour(name: str, months: int) -> str:
    """The month so many months later."""
    year, number = divmod(int(name[:4]) * 12 + int(name[5:]) - 1 + months, 12)
    return f"{year}-{number + 1:02d}"
