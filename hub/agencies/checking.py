"""What must hold across the files of a directory: every name is known, nobody is told nowhere, no drill reaches anyone.

Each function yields the mistakes of one file, with paths from its top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from contract.strict_toml import Mistake, once_each, unknown
from hub.agencies.areas import Corner, closed, crossing
from hub.agencies.files import (
    AreaEntry,
    ContactsFile,
    DelaysEntry,
    DutyEntry,
    PersonEntry,
    RosterFile,
    RouteEntry,
    RoutesFile,
)
from hub.incidents.kinds import KINDS
from hub.notify.asks import plain_number
from hub.notify.fence import EXERCISE, is_exercise
from hub.region import Region
from hub.region.files import AgenciesFile
from hub.region.loader import check_agencies

ADDRESSED: Mapping[str, str] = {"sms": "phone", "email": "email"}
"""Kinds of channels that reach whoever is named: what the contact must have for it. Others reach one receiver."""

FAR_DEG = 3.0
"""No area of a city is further than this from all its sites; one that is has its degrees exchanged."""


@dataclass(frozen=True, slots=True)
class Known:
    """Names that the files below agencies.toml may use: agencies, and channels with their kinds."""

    agencies: tuple[str, ...]
    channels: Mapping[str, str]

    @classmethod
    def of(cls, file: AgenciesFile) -> Known:
        """The names of a checked agencies.toml."""
        channels = {channel.id: str(channel.kind) for agency in file.agency for channel in agency.channel}
        return cls(tuple(agency.id for agency in file.agency), channels)


def agencies(file: AgenciesFile, region: Region) -> Iterator[Mistake]:
    """Mistakes of agencies.toml. The duty desk is named in region.toml and stays."""
    yield from check_agencies(file)
    for at, agency in enumerate(file.agency):
        for place, channel in enumerate(agency.channel):
            if is_exercise(channel.id):
                yield Mistake(
                    f"{channel.id!r} is the id of a channel for exercises",
                    at=("agency", at, "channel", place, "id"),
                    instead=f"an id that does not begin with {EXERCISE}",
                )
    desk = next((at for at, agency in enumerate(file.agency) if agency.id == region.duty_desk.id), None)
    if desk is None:
        yield Mistake(
            f"the duty desk {region.duty_desk.id!r} is gone",
            instead=f'an [[agency]] with id = "{region.duty_desk.id}"',
        )
    elif not file.agency[desk].channel:
        yield Mistake(
            f"the duty desk {region.duty_desk.id!r} has no channel, so nobody would be told",
            at=("agency", desk, "id"),
            instead="a [[agency.channel]] below it",
        )


def contacts(file: ContactsFile, known: Known) -> Iterator[Mistake]:
    """Mistakes of contacts.toml. Nothing of an exercise contact leads to whom a real one reaches."""
    yield from once_each("contact", [one.id for one in file.contact])
    yield from once_each("exercise_contact", [one.id for one in file.exercise_contact])
    yield from once_each("exercise_channel", [one.id for one in file.exercise_channel])
    for at, channel in enumerate(file.exercise_channel):
        if not is_exercise(channel.id):
            yield Mistake(
                f"{channel.id!r} could be a real channel",
                at=("exercise_channel", at, "id"),
                instead=f"an id that begins with {EXERCISE}",
            )
    drills = {channel.id: str(channel.kind) for channel in file.exercise_channel}
    for table, entries, channels in (
        ("contact", file.contact, known.channels),
        ("exercise_contact", file.exercise_contact, drills),
    ):
        for at, entry in enumerate(entries):
            for mistake in _contact(entry, known.agencies, channels):
                yield mistake.below((table, at))
    yield from _reached_twice(file)


def _contact(entry: PersonEntry, agencies: Sequence[str], channels: Mapping[str, str]) -> Iterator[Mistake]:
    if entry.agency not in agencies:
        yield unknown("agency", entry.agency, agencies, ("agency",))
    if not entry.phone and not entry.email and not entry.channels:
        yield Mistake(f"{entry.id!r} cannot be reached", instead="phone, email or channels")
    for at, name in enumerate(entry.channels):
        if name not in channels:
            yield unknown("channel", name, channels, ("channels", at))
            continue
        needs = ADDRESSED.get(channels[name])
        if needs is not None and not getattr(entry, needs):
            yield Mistake(
                f"channel {name!r} needs the contact's {needs}", at=("channels", at), instead=f"{needs} = …"
            )


def _reached_twice(file: ContactsFile) -> Iterator[Mistake]:
    """A drill that rings a real telephone is no drill."""
    phones = {plain_number(one.phone): one.id for one in file.contact if one.phone}
    emails = {one.email.casefold(): one.id for one in file.contact if one.email}
    for at, entry in enumerate(file.exercise_contact):
        for key, value, real in (
            ("phone", plain_number(entry.phone or ""), phones),
            ("email", (entry.email or "").casefold(), emails),
        ):
            if value and value in real:
                yield Mistake(
                    f"it is the {key} of the real contact {real[value]!r}",
                    at=("exercise_contact", at, key),
                    instead="one that only exercises use",
                )


def roster(file: RosterFile, known: Known, people: ContactsFile) -> Iterator[Mistake]:
    """Mistakes of roster.toml."""
    for table in ("shift", "holiday", "duty"):
        yield from once_each(table, [entry.id for entry in getattr(file, table)])
    for at, shift in enumerate(file.shift):
        if shift.begins == "24:00":
            yield Mistake("a shift that begins at 24:00", at=("shift", at, "begins"), instead='"00:00"')
        elif shift.begins == shift.ends:
            yield Mistake(
                "it ends when it begins",
                at=("shift", at, "ends"),
                instead='another time, or "00:00" to "24:00"',
            )
    for at, holiday in enumerate(file.holiday):
        if holiday.last < holiday.first:
            yield Mistake(
                "it ends before it begins", at=("holiday", at, "last"), instead=f"{holiday.first} or later"
            )
    agency_of = {one.id: one.agency for one in people.contact}
    shifts = [shift.id for shift in file.shift]
    for at, duty in enumerate(file.duty):
        for mistake in _duty(duty, known, agency_of, shifts):
            yield mistake.below(("duty", at))


def _duty(
    duty: DutyEntry, known: Known, agency_of: Mapping[str, str], shifts: Sequence[str]
) -> Iterator[Mistake]:
    if duty.agency not in known.agencies:
        yield unknown("agency", duty.agency, known.agencies, ("agency",))
    theirs = [name for name, agency in agency_of.items() if agency == duty.agency]
    for at, name in enumerate(duty.contacts):
        if name not in theirs:
            yield unknown(f"contact of {duty.agency}", name, theirs, ("contacts", at))
    for at, name in enumerate(duty.shifts):
        if name not in shifts:
            yield unknown("shift", name, shifts, ("shifts", at))
    if duty.first is not None and duty.last is not None and duty.last < duty.first:
        yield Mistake("it ends before it begins", at=("last",), instead=f"{duty.first} or later")
    if duty.turn_days and duty.first is None:
        yield Mistake(
            "nobody knows whose turn it is first",
            at=("turn_days",),
            instead="first = the date of the first turn",
        )
    if duty.turn_days and len(duty.contacts) < 2:
        yield Mistake(
            "one contact takes no turns", at=("turn_days",), instead="two contacts or more, or no turn_days"
        )


def routes(file: RoutesFile, known: Known, shifts: RosterFile, region: Region) -> Iterator[Mistake]:
    """Mistakes of routes.toml. Where there is any route, there is one for what no other is about."""
    for table in ("area", "route", "delays"):
        yield from once_each(table, [entry.id for entry in getattr(file, table)])
    for at, area in enumerate(file.area):
        for mistake in _area(area, region):
            yield mistake.below(("area", at))
    for at, route in enumerate(file.route):
        for mistake in _route(
            route, known, [area.id for area in file.area], [shift.id for shift in shifts.shift]
        ):
            yield mistake.below(("route", at))
    if file.route and not any(route.otherwise for route in file.route):
        yield Mistake(
            "what fits no route would go to nobody",
            at=("route", len(file.route) - 1),
            instead="one more [[route]] with otherwise = true",
        )
    yield from _delays(file.delays)


def _route(route: RouteEntry, known: Known, areas: Sequence[str], shifts: Sequence[str]) -> Iterator[Mistake]:
    for key, what, names in (
        ("agencies", "agency", known.agencies),
        ("kinds", "kind of incident", KINDS),
        ("areas", "area", areas),
        ("during", "shift", shifts),
    ):
        for at, name in enumerate(getattr(route, key)):
            if name not in names:
                yield unknown(what, name, names, (key, at))
    if route.otherwise:
        for key, value in (("kinds", route.kinds), ("areas", route.areas), ("during", route.during)):
            if value:
                yield Mistake("a route for the rest has no conditions", at=(key,), instead=f"no {key}")
        if route.at_least != "low":
            yield Mistake("a route for the rest has no conditions", at=("at_least",), instead="no at_least")


def _delays(entries: Sequence[DelaysEntry]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for at, entry in enumerate(entries):
        for place, kind in enumerate(entry.kinds):
            if kind not in KINDS:
                yield unknown("kind of incident", kind, KINDS, ("delays", at, "kinds", place))
        for kind in entry.kinds or ("",):
            if kind in seen:
                yield Mistake(
                    f"the delays of {kind or 'every other kind'} are given twice",
                    at=("delays", at),
                    instead="them once",
                )
            seen.add(kind)


def corners(area: AreaEntry) -> list[Corner]:
    """The corners as pairs."""
    return [(corner[0], corner[1]) for corner in area.polygon]


def _area(area: AreaEntry, region: Region) -> Iterator[Mistake]:
    for at, (lat, lon) in enumerate(corners(area)):
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            yield Mistake(f"{[lat, lon]} is no place", at=("polygon", at), instead="[lat, lon] in degrees")
            return
    polygon = closed(corners(area))
    if len(set(polygon)) < 3:
        yield Mistake("fewer than three corners", at=("polygon",), instead="three corners or more")
        return
    lat, lon = polygon[0]
    near = any(abs(one.lat - lat) < FAR_DEG and abs(one.lon - lon) < FAR_DEG for one in region.sites.values())
    if region.sites and not near:
        yield Mistake(
            "it is far from every site of the region", at=("polygon", 0), instead="[lat, lon], in this order"
        )
        return
    sides = crossing(polygon)
    if sides is not None:
        yield Mistake(
            f"its sides after corner {sides[0] + 1} and after corner {sides[1] + 1} cross",
            at=("polygon", sides[1]),
            instead="the corners in their order around the area",
        )
