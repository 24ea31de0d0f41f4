"""Who is on duty: shifts of the day with nights, holidays, and duties between dates or in turns. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hub.agencies import files
from hub.agencies.files import HOLIDAY, Day, Step
from hub.rules.hours import span_ms


@dataclass(frozen=True, slots=True)
class Roster:
    """The duties of all agencies, in the city's zone."""

    zone: str
    shifts: Mapping[str, files.ShiftEntry]
    holidays: tuple[files.HolidayEntry, ...]
    duties: tuple[files.DutyEntry, ...]

    def on_duty(self, agency: str, step: Step, at_ms: int) -> tuple[str, ...]:
        """Ids of the contacts of a step that are on duty at a time; none where the roster says nothing of it."""
        holding = [
            (duty, day)
            for duty in self.duties
            if (duty.agency, duty.step) == (agency, step)
            for day in self._days(duty, at_ms)
        ]
        holding = [found for found in holding if found[0].instead] or holding
        return tuple(dict.fromkeys(contact for duty, day in holding for contact in _turn(duty, day)))

    def shift_names(self, at_ms: int) -> tuple[str, ...]:
        """What the shifts that hold at a time are called."""
        return tuple(shift.name for shift in self.shifts.values() if any(self._began((shift,), at_ms)))

    def holds(self, shifts: Sequence[str], at_ms: int) -> bool:
        """Whether one of these shifts holds at a time; with none named it always does."""
        return not shifts or any(self._began([self.shifts[name] for name in shifts], at_ms))

    def day_of(self, day: date) -> Day:
        """What a date counts as."""
        if any(holiday.first <= day <= holiday.last for holiday in self.holidays):
            return HOLIDAY
        return files.DUTY_DAYS[day.weekday()]

    def _days(self, duty: files.DutyEntry, at_ms: int) -> Iterator[date]:
        """The days on which a turn of the duty began that holds at a time: mostly none or one."""
        shifts = [self.shifts[name] for name in duty.shifts]
        began = self._began(shifts, at_ms) if shifts else (self._local(at_ms),)
        for day in began:
            if duty.days and self.day_of(day) not in duty.days:
                continue
            if (duty.first is None or day >= duty.first) and (duty.last is None or day <= duty.last):
                yield day

    def _began(self, shifts: Sequence[files.ShiftEntry], at_ms: int) -> Iterator[date]:
        """The days on which those of the shifts began that hold at a time."""
        zone, today = ZoneInfo(self.zone), self._local(at_ms)
        for shift in shifts:
            for day in (today - timedelta(1), today):
                first, last = span_ms(day, shift.begins, shift.ends, zone)
                if first <= at_ms < last:
                    yield day

    def _local(self, at_ms: int) -> date:
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(self.zone)).date()


def _turn(duty: files.DutyEntry, day: date) -> tuple[str, ...]:
    """Whose turn it is on the duty's day."""
    if not duty.turn_days or duty.first is None:
        return duty.contacts
    return (duty.contacts[(day - duty.first).days // duty.turn_days % len(duty.contacts)],)
