"""What the pages of rules show: each rule in words, its fields with what they mean, and versions beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import unified_diff

from hub.console.language import marked as _
from hub.rules import files, form
from hub.rules.book import Book

LABELS: Mapping[str, tuple[str, str]] = {
    "title_id": (_("Title in Indonesian"), _("Left empty: the name of its kind.")),
    "title_en": (_("Title in English"), ""),
    "quantity": (_("Quantity"), _("What is measured, for example level_m.")),
    "quantities": (_("Quantities"), _("One a line; bed_* means every bed of a panel.")),
    "above": (_("At this value or above"), ""),
    "below": (_("At this value or below"), ""),
    "hysteresis": (
        _("Ends only when past it by"),
        _("So that a value at the limit does not ring again and again."),
    ),
    "per_h": (_("Rise an hour"), ""),
    "window_s": (_("Looked at over, seconds"), ""),
    "reaches": (_("Value that it heads for"), ""),
    "after_s": (_("After so many seconds"), ""),
    "tolerance": (_("Moves less than"), ""),
    "above_pct": (_("From this share, per cent"), ""),
    "hysteresis_pct": (_("Ends below it by, per cent"), ""),
    "is_at": (_("A member counts from this value"), ""),
    "per": (_("Counted together per"), ""),
    "fresh_s": (_("Unknown when not heard for, seconds"), ""),
    "known_pct": (_("Known at least, per cent"), _("With fewer known nobody knows.")),
    "at_least": (_("At least so often"), ""),
    "events": (_("Kinds of events"), _("One a line.")),
    "station": (_("Station that is warned"), ""),
    "upstream": (_("Station further up"), ""),
    "siaga": (_("Level there: Siaga"), _("3, 2 or 1; 1 is the worst.")),
    "all": (_("All of these rules"), _("One a line.")),
    "any": (_("One of these rules"), _("One a line.")),
    "none": (_("None of these rules"), _("One a line.")),
    "devices": (_("Devices"), _("gateway/device, one a line; or give a kind of device.")),
    "device_kind": (_("Kind of device"), ""),
    "sites": (_("Only at these sites"), _("One a line; empty means everywhere.")),
    "for_s": (_("Must hold for, seconds"), ""),
    "clear_for_s": (_("Must be over for, seconds"), ""),
    "gap_s": (_("Samples further apart say nothing, seconds"), ""),
    "during": (_("Only in the hours of"), _("A schedule of the file; empty means always.")),
    "outside": (_("Only outside the hours of"), ""),
    "priority": (_("Priority"), ""),
    "tell": (_("The duty desk gets a notice"), ""),
    "alarm": (_("Raises an alarm"), _("Without, it only serves combinations.")),
    "reason_id": (
        _("Reason in Indonesian"),
        _("Facts in braces: {site}, {device}, {value}, {limit}, {minutes} …"),
    ),
    "reason_en": (_("Reason in English"), ""),
    "advice": (_("What to do, as a link"), _("https://… or a page of the hub, /…")),
}
"""Label and hint of each field of a rule."""

CHOICES: Mapping[str, str] = {
    "low": _("Low"),
    "medium": _("Medium"),
    "high": _("High"),
    "critical": _("Critical"),
    "device": _("device"),
    "site": _("site"),
    "city": _("city"),
}
"""What the choices of a field are called."""

LIMITS: Mapping[str, str] = {
    "quantity": "%(value)s",
    "events": "%(value)s",
    "above": _("at %(value)s or above"),
    "below": _("at %(value)s or below"),
    "per_h": _("by %(value)s an hour"),
    "after_s": _("after %(span)s"),
    "above_pct": _("from %(value)s per cent"),
    "at_least": _("%(value)s times or more"),
    "window_s": _("within %(span)s"),
    "upstream": _("from %(value)s"),
    "siaga": _("at Siaga %(value)s"),
    "all": _("all of: %(value)s"),
    "any": _("any of: %(value)s"),
    "none": _("none of: %(value)s"),
}
"""What the list says of a rule's fields: what it looks at, and the numbers that people ask for first."""

RINGS = ("unacknowledged", "acknowledged")


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule as the list shows it.

    Attributes:
        title: in both languages; None where the kind's name stands for it.
        limits: what the list says of it, each a message id of ``LIMITS`` with its value as a person writes it.
        rings: how many alarms of it there are now.
    """

    id: str
    kind: str
    title: Mapping[str, str] | None
    priority: str
    alarm: bool
    limits: tuple[tuple[str, str], ...]
    rings: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A field of a form.

    Attributes:
        value: as a person writes it.
        wrong: what is wrong with it.
    """

    field: form.Field
    value: str
    wrong: tuple[str, ...] = ()


def lines(book: Book, active: Iterable[Mapping[str, object]]) -> list[RuleLine]:
    """The rules in the order of the file.

    Args:
        active: the alarms of now.
    """
    rings = Counter(str(alarm["condition"]) for alarm in active if alarm["state"] in RINGS)
    return [_line(entry, rings) for entry in book.rules.values()]


def _line(entry: files.AnyRule, rings: Mapping[str, int]) -> RuleLine:
    kind = files.kind_of(entry)
    values = form.values(entry)
    title = {"id": entry.title_id, "en": entry.title_en or entry.title_id} if entry.title_id else None
    limits = tuple((LIMITS[key], values[key].replace("\n", ", ")) for key in LIMITS if values.get(key))
    return RuleLine(
        entry.id, kind, title, entry.priority, entry.alarm, limits, rings.get(f"{kind}:{entry.id}", 0)
    )


def shown(
    kind: str, values: Mapping[str, str], wrong: Mapping[str, Iterable[str]] | None = None
) -> list[Shown]:
    """The fields of a kind with what is in them."""
    wrong = wrong or {}
    return [
        Shown(field, values.get(field.key, ""), tuple(wrong.get(field.key, ())))
        for field in form.fields(kind)
    ]


def fresh(kind: str) -> dict[str, str]:
    """What the form of a new rule begins with."""
    return {field.key: form.written(field, field.default) for field in form.fields(kind)}


@dataclass(frozen=True, slots=True)
class Changed:
    """A line of a text beside an older one: ``mark`` is "+", "-", "@" or " "."""

    mark: str
    text: str


def changes(old: str, new: str) -> list[Changed]:
    """What is different, with two lines around it."""
    found = list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))[2:]
    return [Changed(line[:1], line if line[:1] == "@" else line[1:]) for line in found]
