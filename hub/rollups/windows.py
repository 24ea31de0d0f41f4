"""Minutes, hours and the days of the city's clock. Pure. Times in ms UTC."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE_MS = 60_000
HOUR_MS = 3_600_000


class Window(NamedTuple):
    """From the first time to before the second."""

    begin_ms: int
    end_ms: int


def floor(t_ms: int, step_ms: int) -> int:
    """The begin of the step that a time is in."""
    return t_ms // step_ms * step_ms


def hours(window: Window) -> Iterator[Window]:
    """The hours that a window touches, whole."""
    for begin_ms in range(floor(window.begin_ms, HOUR_MS), window.end_ms, HOUR_MS):
        yield Window(begin_ms, begin_ms + HOUR_MS)


def slices(window: Window) -> Iterator[Window]:
    """A window cut at the hours."""
    for hour in hours(window):
        yield Window(max(hour.begin_ms, window.begin_ms), min(hour.end_ms, window.end_ms))


def day(zone: ZoneInfo, hour_ms: int) -> Window:
    """The day of the city's clock that an hour begins in, as the hours that begin in it. Where a zone is no whole hours
    from UTC the day begins with the first hour that does."""
    local = dt.datetime.fromtimestamp(hour_ms / 1000, zone)
    begin = dt.datetime(local.year, local.month, local.day, tzinfo=zone)
    next_day = local.date() + dt.timedelta(days=1)
    end = dt.datetime(next_day.year, next_day.month, next_day.day, tzinfo=zone)
    first, last = (-(-int(at.timestamp() * 1000) // HOUR_MS) * HOUR_MS for at in (begin, end))
    return Window(first, last)
