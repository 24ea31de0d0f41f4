"""When a schedule holds: office hours by day of the week, with other hours in seasons such as Ramadan. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hub.rules import files


class Calendar:
    """A schedule in the region's zone, asked again and again: it reckons anew only when an hour begins or ends."""

    def __init__(self, schedule: files.ScheduleEntry, zone: str) -> None:
        self._schedule = schedule
        self._zone = ZoneInfo(zone)
        self._holds = False
        self._from_ms = 0
        self._until_ms = 0

    def holds(self, at_ms: int) -> bool:
        """Whether the schedule holds at a time, ms UTC."""
        if not self._from_ms <= at_ms < self._until_ms:
            self._holds, self._until_ms = self._reckon(at_ms)
            self._from_ms = at_ms
        return self._holds

    def _reckon(self, at_ms: int) -> tuple[bool, int]:
        """Whether it holds, and until when that stays so at least."""
        today = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self._zone).date()
        spans = [span for day in (today - timedelta(1), today) for span in self._spans(day)]
        turns = [_ms(today + timedelta(1), time(), self._zone), *(turn for span in spans for turn in span)]
        return any(first <= at_ms < last for first, last in spans), min(
            turn for turn in turns if turn > at_ms
        )

    def _spans(self, day: date) -> Iterator[tuple[int, int]]:
        """From and until, in ms, of the hours that begin on a day."""
        hours = self._schedule.hours
        for season in self._schedule.season:
            if season.first <= day <= season.last:
                hours = season.hours
        for one in hours:
            if files.DAYS[day.weekday()] in one.days:
                yield span_ms(day, one.begins, one.ends, self._zone)


def span_ms(day: date, begins: str, ends: str, zone: ZoneInfo) -> tuple[int, int]:
    """From and until, in ms UTC, of what begins on a local day at a time of day, and may end on the next."""
    last = day + timedelta(1) if ends <= begins or ends == "24:00" else day
    return _ms(day, _time(begins), zone), _ms(last, _time(ends), zone)


def _ms(day: date, at: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, at, zone).timestamp() * 1000)


def _time(text: str) -> time:
    return time() if text == "24:00" else time.fromisoformat(text)
