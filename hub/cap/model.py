"""A CAP 1.2 message as a value, and what must hold of it beyond the schema's forms. Pure.

The schema of OASIS checks names, order and words. It does not check that an identifier is free of what separates
references, that a polygon is closed, or that a message ends after it begins; receivers stumble over exactly these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from hub.errors import HubError

Status = Literal["Actual", "Exercise", "System", "Test", "Draft"]
MsgType = Literal["Alert", "Update", "Cancel", "Ack", "Error"]
Scope = Literal["Public", "Restricted", "Private"]
Category = Literal[
    "Geo",
    "Met",
    "Safety",
    "Security",
    "Rescue",
    "Fire",
    "Health",
    "Env",
    "Transport",
    "Infra",
    "CBRNE",
    "Other",
]
ResponseType = Literal[
    "Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"
]
Urgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]

LEAST_RING = 4
"""Points of the smallest polygon: a triangle whose last point is its first."""

_NAME = re.compile(r"[^\s,<&]+")
_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")
_ILLEGAL = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


class CapError(HubError):
    """A message that receivers could not read or would read wrongly."""


Point = tuple[float, float]
"""Latitude and longitude in degrees, WGS 84: in this order, as CAP writes it."""


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle around a point, ``radius_km`` 0 or more; 0 is the point itself."""

    centre: Point
    radius_km: float


@dataclass(frozen=True, slots=True)
class Area:
    """Where it is: in words, and as closed rings and circles. The area is all of them together."""

    words: str
    polygons: tuple[tuple[Point, ...], ...] = ()
    circles: tuple[Circle, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What a message says in one language (``language`` as ``id`` or ``en``)."""

    language: str
    category: Category
    event: str
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    expires: datetime
    sender_name: str
    headline: str
    description: str
    instruction: str = ""
    response: ResponseType | None = None
    onset: datetime | None = None
    areas: tuple[Area, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A message that was sent before, named so that no other can be meant."""

    sender: str
    identifier: str
    sent: datetime

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{written(self.sent)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A whole message. Times have an offset; fractions of a second are not sent.

    Attributes:
        identifier: unique among all messages of its sender, for all time.
        restriction: for ``Restricted``: who may have it, in words.
        references: what an Update or Cancel takes the place of: every message of the subject that is still in force.
        incidents: names of incidents that messages belong to.
    """

    identifier: str
    sender: str
    sent: datetime
    status: Status
    msg_type: MsgType
    scope: Scope
    restriction: str = ""
    note: str = ""
    references: tuple[Reference, ...] = ()
    incidents: tuple[str, ...] = ()
    infos: tuple[Info, ...] = ()

    @property
    def reference(self) -> Reference:
        """How a later message names this one."""
        return Reference(self.sender, self.identifier, self.sent)


def written(moment: datetime) -> str:
    """A time as CAP wants it: whole seconds, always an offset, ``-00:00`` for UTC, never ``Z``.

    Raises:
        CapError: the time has no offset.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise CapError(f"{moment} has no offset")
    plain = moment.replace(microsecond=0, tzinfo=None)
    if offset == timedelta(0):
        return f"{plain.isoformat()}-00:00"
    minutes = round(offset.total_seconds() / 60)
    return f"{plain.isoformat()}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def clean(text: str) -> str:
    """Text without what XML 1.0 cannot hold at all, as control characters out of a name that a device sent."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)


def check(alert: Alert) -> None:
    """Whether receivers will read the message as it is meant.

    Raises:
        CapError: they would not, with every reason.
    """
    found = list(_mistakes(alert))
    if found:
        raise CapError(f"CAP message {alert.identifier!r}: {'; '.join(found)}")


def _mistakes(alert: Alert) -> Iterator[str]:
    names = [alert.identifier, alert.sender, *alert.incidents]
    names += [part for one in alert.references for part in (one.sender, one.identifier)]
    for name in names:
        if not _NAME.fullmatch(name) or clean(name) != name:
            yield f"{name!r} is empty or has a space, a comma, < or & in it"
    if alert.sent.utcoffset() is None:
        yield "its time has no offset"
        return
    if alert.msg_type in ("Update", "Cancel") and not alert.references:
        yield f"{alert.msg_type} takes the place of nothing"
    if alert.msg_type == "Alert" and alert.references:
        yield "a first message refers to others"
    if any(one.identifier == alert.identifier for one in alert.references):
        yield "it refers to itself"
    if bool(alert.restriction) != (alert.scope == "Restricted"):
        yield "a restriction belongs to the scope Restricted, and to it alone"
    if alert.msg_type in ("Alert", "Update") and not alert.infos:
        yield "it says nothing"
    for info in alert.infos:
        yield from _info_mistakes(info, alert.sent)


def _info_mistakes(info: Info, sent: datetime) -> Iterator[str]:
    if not _LANGUAGE.fullmatch(info.language):
        yield f"{info.language!r} is no language"
    if not info.event.strip() or not info.headline.strip():
        yield "event or headline is empty"
    for moment in (info.expires, info.onset):
        if moment is not None and moment.utcoffset() is None:
            yield "a time has no offset"
            return
    if info.expires <= sent:
        yield "it expires before it is sent"
    for area in info.areas:
        if not area.words.strip():
            yield "an area has no words"
        for ring in area.polygons:
            if len(ring) < LEAST_RING or ring[0] != ring[-1]:
                yield f"the polygon of {area.words!r} is not closed"
        points = [*(point for ring in area.polygons for point in ring), *(one.centre for one in area.circles)]
        if not all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in points):
            yield f"{area.words!r} has a point that is not on earth: latitude comes first"
        if not all(0 <= one.radius_km < 20_000 for one in area.circles):
            yield f"{area.words!r} has a radius that is no distance"
