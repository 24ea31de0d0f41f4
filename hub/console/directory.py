"""What the pages of agencies show: who is asked and who is on duty, the week's roster, areas as shapes, and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

from hub.agencies.areas import Area
from hub.agencies.directory import Contact, Directory
from hub.agencies.fields import TABLES, Field, Source, entries
from hub.agencies.files import DUTY_DAYS, STEPS, DutyEntry, Step
from hub.agencies.reading import Texts
from hub.console.language import marked as _
from hub.incidents.kinds import KINDS
from hub.notify.policy import PRIORITY_LABELS, Priority
from hub.region import Agency, Region
from hub.region.model import ChannelKind
from hub.rules.hours import span_ms

Label = Mapping[str, str] | str
"""In both languages, or a proper name."""

DAY_LABELS = {
    "senin": ("Senin", "Monday"),
    "selasa": ("Selasa", "Tuesday"),
    "rabu": ("Rabu", "Wednesday"),
    "kamis": ("Kamis", "Thursday"),
    "jumat": ("Jumat", "Friday"),
    "sabtu": ("Sabtu", "Saturday"),
    "minggu": ("Minggu", "Sunday"),
    "libur": ("Hari libur", "Holiday"),
}
STEP_LABELS: Mapping[Step, tuple[str, str]] = {
    "first": ("Pertama", "First"),
    "second": ("Kedua", "Second"),
    "supervisor": ("Pengawas", "Supervisor"),
    "head": ("Kepala", "Head"),
}

TITLES = {
    "agency": _("Agency"),
    "contact": _("Contact"),
    "exercise_channel": _("Exercise channel"),
    "exercise_contact": _("Exercise contact"),
    "area": _("Area"),
    "route": _("Route"),
    "delays": _("Delays of an escalation"),
    "shift": _("Shift"),
    "holiday": _("Holiday"),
    "duty": _("Duty"),
}
"""What an entry of a table is called."""

PLACES = {
    "agency": "/agencies",
    "contact": "/agencies",
    "exercise_channel": "/agencies",
    "exercise_contact": "/agencies",
    "area": "/agencies/routes",
    "route": "/agencies/routes",
    "delays": "/agencies/routes",
    "shift": "/agencies/roster",
    "holiday": "/agencies/roster",
    "duty": "/agencies/roster",
}
"""The page that shows the entries of a table."""

NAMES = {
    "name": _("Name"),
    "short": _("Short name"),
    "channel": _("Channels, one a line: id | kind | name"),
    "agency": _("Agency"),
    "step": _("Asked"),
    "phone": _("Telephone"),
    "email": _("E-mail"),
    "channels": _("Channels, one a line, in the order in which they are tried"),
    "kind": _("Kind"),
    "polygon": _("Corners, one a line: latitude, longitude"),
    "kinds": _("Kinds of incidents; none ticked: all"),
    "at_least": _("From this priority up"),
    "areas": _("Areas; none ticked: everywhere"),
    "during": _("Shifts; none ticked: always"),
    "agencies": _("Agencies, one a line"),
    "otherwise": _("For what fits no other route"),
    "operator_s": _("Seconds until an operator has seen it"),
    "dispatch_s": _("Seconds until an agency has it"),
    "agency_s": _("Seconds until the first contact answers"),
    "second_s": _("Seconds until the second answers"),
    "supervisor_s": _("Seconds until the supervisor answers"),
    "begins": _("Begins"),
    "ends": _("Ends"),
    "first": _("First day"),
    "last": _("Last day"),
    "contacts": _("Contacts, one a line, in their order"),
    "shifts": _("Shifts; none ticked: the whole day"),
    "days": _("Days; none ticked: every day"),
    "turn_days": _("Days of each turn; 0: all together"),
    "instead": _("In the place of the other duties of the step"),
}
"""What a field is called."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A contact in a list, and whether they are on duty now."""

    contact: Contact
    on_duty: bool


def people(directory: Directory, agency: str, now_ms: int) -> list[tuple[Step, list[Asked]]]:
    """The contacts of an agency by step, as far as there are any."""
    found = []
    for step in STEPS:
        now = {one.id for one in directory.on_duty(agency, step, now_ms)}
        theirs = [one for one in directory.contacts.values() if (one.agency, one.step) == (agency, step)]
        # Somebody may stand in at a step that is not theirs.
        theirs += [directory.contacts[name] for name in now if directory.contacts[name] not in theirs]
        if theirs:
            found.append((step, [Asked(one, one.id in now) for one in theirs]))
    return found


@dataclass(frozen=True, slots=True)
class Week:
    """The roster of seven days. ``rows`` are agency and step, each with who is on duty by (day, shift)."""

    days: list[tuple[str, str, str]]
    shifts: list[tuple[str, str]]
    rows: list[tuple[Agency, Step, list[list[tuple[str, ...]]]]]


def week(directory: Directory, now_ms: int) -> Week:
    """Who is on duty from today on: asked of the directory at the middle of each shift."""
    roster, zone = directory.roster, ZoneInfo(directory.roster.zone)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    days = [today + timedelta(n) for n in range(7)]
    spans = (
        [("", "00:00", "24:00")]
        if not roster.shifts
        else [(one.name, one.begins, one.ends) for one in roster.shifts.values()]
    )
    rows = []
    for agency, step in dict.fromkeys((duty.agency, duty.step) for duty in roster.duties):
        cells = []
        for day in days:
            middles = (sum(span_ms(day, begins, ends, zone)) // 2 for _name, begins, ends in spans)
            cells.append([tuple(one.name for one in directory.on_duty(agency, step, at)) for at in middles])
        rows.append((directory.agencies[agency], step, cells))
    return Week(
        [(f"{day:%d-%m}", roster.day_of(day), DUTY_DAYS[day.weekday()]) for day in days],
        [(name, f"{begins}–{ends}") for name, begins, ends in spans],
        rows,
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """An area as points of a drawing, and where its name stands."""

    area: Area
    points: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """Areas and sites on a plane of at most 1000 by 800, north above."""

    width: float
    height: float
    shapes: list[Shape]
    sites: list[tuple[float, float, str]]


def drawing(directory: Directory, region: Region) -> Drawing | None:
    """The areas of the city with its sites; None where there are no areas."""
    if not directory.areas:
        return None
    corners = [corner for area in directory.areas.values() for corner in area.polygon]
    corners += [(site.lat, site.lon) for site in region.sites.values()]
    north, south = max(lat for lat, _lon in corners), min(lat for lat, _lon in corners)
    west, east = min(lon for _lat, lon in corners), max(lon for _lat, lon in corners)
    # A degree of latitude is as long as one of longitude near the equator, where the cities are.
    scale = 960 / max(east - west, (north - south) / 0.8, 1e-6)

    def at(lat: float, lon: float) -> tuple[float, float]:
        return round(20 + (lon - west) * scale, 1), round(20 + (north - lat) * scale, 1)

    shapes = []
    for area in directory.areas.values():
        points = [at(*corner) for corner in area.polygon]
        middle = [sum(axis) / len(points) for axis in zip(*points, strict=True)]
        shapes.append(Shape(area, " ".join(f"{x},{y}" for x, y in points), middle[0], middle[1]))
    sites = [(*at(site.lat, site.lon), site.name) for site in region.sites.values()]
    width, height = 40 + (east - west) * scale, 40 + (north - south) * scale
    return Drawing(round(width, 1), round(height, 1), shapes, sites)


def both(labels: tuple[str, str]) -> dict[str, str]:
    """Labels, Bahasa Indonesia first, by language."""
    return {"id": labels[0], "en": labels[1]}


def choices(source: Source, directory: Directory, texts: Texts) -> list[tuple[str, Label]]:
    """What may be written in a field, with what it is called."""
    match source:
        case "agencies":
            return [(one.id, one.name) for one in directory.agencies.values()]
        case "steps":
            return [(step, both(STEP_LABELS[step])) for step in STEPS]
        case "kinds":
            return [(kind, both(labels)) for kind, labels in KINDS.items()]
        case "priorities":
            return [(one.name.lower(), both(PRIORITY_LABELS[one])) for one in reversed(Priority)]
        case "areas":
            return [(one.id, one.name) for one in directory.areas.values()]
        case "shifts":
            return [(one.id, one.name) for one in directory.roster.shifts.values()]
        case "days":
            return [(day, both(DAY_LABELS[day])) for day in DUTY_DAYS]
        case "contacts":
            return [(one.id, f"{one.name} ({one.agency})") for one in directory.contacts.values()]
        case "channels":
            return [(one.id, one.name) for agency in directory.agencies.values() for one in agency.channels]
        case "channel_kinds":
            return [(kind, kind) for kind in get_args(ChannelKind)]
        case "exercise_channels":
            table = TABLES["exercise_channel"]
            return [(one["id"], one["name"]) for one in entries(texts[table.file], table)]
        case _:
            return []


def labels_of(source: Source, words: Iterable[str], directory: Directory, texts: Texts) -> list[Label]:
    """What these words are called."""
    known = dict(choices(source, directory, texts))
    return [known.get(word, word) for word in words]


def is_wide(field: Field) -> bool:
    """Whether a field is written in several lines."""
    return field.shape in ("lines", "corners", "channels")


def order(duties: Iterable[DutyEntry]) -> list[DutyEntry]:
    """Duties by agency and step."""
    return sorted(duties, key=lambda duty: (duty.agency, STEPS.index(duty.step)))
