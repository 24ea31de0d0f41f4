"""The files contacts.toml, routes.toml and roster.toml of a profile as strict structures."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from hub.region.files import ChannelEntry, Id, Phone, Section, Text
from hub.rules.files import DAYS, Clock, Priority

Step = Literal["first", "second", "supervisor", "head"]
STEPS: tuple[Step, ...] = ("first", "second", "supervisor", "head")
"""In the order in which they are asked."""

Day = Literal["senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu", "libur"]
HOLIDAY: Day = "libur"
"""A day in ``[[holiday]]`` counts as this, and as no day of the week."""

DUTY_DAYS: tuple[Day, ...] = (*DAYS, HOLIDAY)

Email = Annotated[
    str,
    Meta(
        pattern=r"^[^@\s<>,]{1,64}@[^@\s<>,]{1,190}\Z",
        max_length=254,
        description="an e-mail address, or none",
    ),
]
Corner = Annotated[tuple[float, ...], Meta(min_length=2, max_length=2, description="[lat, lon] in degrees")]
Delay = Annotated[float, Meta(ge=1, le=86_400, description="seconds, 1 to 86400")]


class PersonEntry(Section, frozen=True, kw_only=True):
    """``[[contact]]`` and ``[[exercise_contact]]``: a person or a desk of an agency.

    ``channels`` are tried in their order. They are ids of agencies.toml, of an exercise contact ids of
    ``[[exercise_channel]]``.
    """

    id: Id
    agency: str
    name: Text
    step: Step
    phone: Phone | None = None
    email: Email | None = None
    channels: tuple[str, ...] = ()


class ContactsFile(Section, frozen=True, kw_only=True):
    """contacts.toml"""

    contact: tuple[PersonEntry, ...] = ()
    exercise_channel: tuple[ChannelEntry, ...] = ()
    exercise_contact: tuple[PersonEntry, ...] = ()


class AreaEntry(Section, frozen=True, kw_only=True):
    """``[[area]]``: corners in their order; the last is joined with the first."""

    id: Id
    name: Text
    polygon: Annotated[tuple[Corner, ...], Meta(min_length=3, max_length=500)]


class RouteEntry(Section, frozen=True, kw_only=True):
    """``[[route]]``: the agencies for these kinds, from this priority up, in these areas, during these shifts.

    A list that is empty leaves out the condition. ``otherwise``: for what no other route is about.
    """

    id: Id
    agencies: Annotated[tuple[str, ...], Meta(min_length=1)]
    kinds: tuple[str, ...] = ()
    at_least: Priority = "low"
    areas: tuple[str, ...] = ()
    during: tuple[str, ...] = ()
    otherwise: bool = False


class DelaysEntry(Section, frozen=True, kw_only=True):
    """``[[delays]]``: how long each step of an escalation is waited for; of all kinds where none is named."""

    id: Id
    kinds: tuple[str, ...] = ()
    operator_s: Delay = 15.0
    dispatch_s: Delay = 60.0
    agency_s: Delay = 120.0
    second_s: Delay = 120.0
    supervisor_s: Delay = 120.0


class RoutesFile(Section, frozen=True, kw_only=True):
    """routes.toml"""

    area: tuple[AreaEntry, ...] = ()
    route: tuple[RouteEntry, ...] = ()
    delays: tuple[DelaysEntry, ...] = ()


class ShiftEntry(Section, frozen=True, kw_only=True):
    """``[[shift]]``: a part of the day. One that ends at or before its beginning ends on the next day."""

    id: Id
    name: Text
    begins: Clock
    ends: Clock


class HolidayEntry(Section, frozen=True, kw_only=True):
    """``[[holiday]]``: these dates, both included."""

    id: Id
    name: Text
    first: date
    last: date


class DutyEntry(Section, frozen=True, kw_only=True):
    """``[[duty]]``: who of an agency is asked at a step, in which shifts, on which days, between which dates.

    A list that is empty leaves out the condition. A shift belongs to the day on which it begins. Of ``contacts`` all
    are on duty, or, with ``turn_days``, one after the other for so many days each, counted from ``first``.
    ``instead``: while it holds, the other duties of the step do not.
    """

    id: Id
    agency: str
    step: Step
    contacts: Annotated[tuple[str, ...], Meta(min_length=1)]
    shifts: tuple[str, ...] = ()
    days: tuple[Day, ...] = ()
    first: date | None = None
    last: date | None = None
    turn_days: Annotated[int, Meta(ge=0, le=366)] = 0
    instead: bool = False


class RosterFile(Section, frozen=True, kw_only=True):
    """roster.toml"""

    shift: tuple[ShiftEntry, ...] = ()
    holiday: tuple[HolidayEntry, ...] = ()
    duty: tuple[DutyEntry, ...] = ()
