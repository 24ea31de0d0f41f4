"""What is said of an incident and of a river, in both languages and without anybody's name. Pure.

An incident is said once a person has verified it, to the agencies alone; a press that nobody has verified never leaves
the room. A river's Siaga 2 and 1 are said to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row

from hub.agencies.areas import Area as CityArea
from hub.cap.model import Area, Category, Circle, Info, Scope, Severity, Status, Urgency
from hub.incidents.kinds import KINDS
from hub.incidents.machine import LABELS
from hub.notify.fence import MARK
from hub.region import Region, Site, Station

VALID = timedelta(hours=24)
"""For how long a message holds. What still stands is said again before that."""

IN_FORCE = frozenset({"verified", "assigned", "accepted", "en_route", "on_scene", "contained"})
"""States of an incident in which it is said."""

RIVER_FROM = 2
"""Severity of a river (0..3) from which it is said."""

FOR_AGENCIES = "Instansi penanganan darurat kota ini / emergency agencies of this city"

INCIDENT_KM = 0.3
STATION_KM = 2.0
"""Radius of the circle where no better area is known."""

_CATEGORIES: Mapping[str, Category] = MappingProxyType(
    {
        "panic": "Security",
        "flood": "Met",
        "fire": "Fire",
        "medical": "Health",
        "crime": "Security",
        "accident": "Transport",
        "rescue": "Rescue",
        "disaster": "Safety",
    }
)
_BY_PRIORITY: Mapping[int, Severity] = MappingProxyType(
    {1: "Extreme", 2: "Severe", 3: "Moderate", 4: "Minor"}
)


@dataclass(frozen=True, slots=True)
class Saying:
    """What is to be known of a subject now.

    Attributes:
        subject: ``incident/ID`` or ``station/ID``.
        key: changes when there is something new to say, and with nothing else.
        over: it is over, or nothing that is said; only who was told before is told.
        infos: Bahasa Indonesia first.
    """

    subject: str
    key: str
    over: bool
    status: Status
    scope: Scope
    restriction: str
    infos: tuple[Info, ...]
    priority: int
    incident_id: str | None = None
    drill: str = ""


def of_incident(row: Row[Any], region: Region, now: datetime) -> Saying:
    """An incident as it is now."""
    over = row.state not in IN_FORCE
    kind_id, kind_en = KINDS.get(row.kind, KINDS["other"])
    state_id, state_en = LABELS[row.state]
    mark = f"{MARK}: " if row.drill else ""
    urgency: Urgency = "Past" if over or row.state == "contained" else "Immediate"
    common: dict[str, Any] = {
        "category": _CATEGORIES.get(row.kind, "Other"),
        "urgency": urgency,
        "severity": _BY_PRIORITY[row.priority],
        "certainty": "Observed",
        "expires": now + VALID,
        "sender_name": region.name,
        "response": "AllClear" if over else "Execute",
        "areas": _incident_areas(row),
    }
    infos = (
        Info(
            language="id",
            event=kind_id,
            headline=f"{mark}{kind_id}: {row.place} ({state_id})",
            description=f"{mark}Insiden nomor {row.number}, {row.place}. Status: {state_id}.",
            **common,
        ),
        Info(
            language="en",
            event=kind_en,
            headline=f"{mark}{kind_en}: {row.place} ({state_en})",
            description=f"{mark}Incident number {row.number}, {row.place}. State: {state_en}.",
            **common,
        ),
    )
    return Saying(
        subject=f"incident/{row.id}",
        key=f"{row.state}/{row.priority}/{row.kind}/{row.place}/{row.lat}/{row.lon}",
        over=over,
        status="Exercise" if row.drill else "Actual",
        scope="Restricted",
        restriction=FOR_AGENCIES,
        infos=infos,
        priority=row.priority,
        incident_id=row.id,
        drill=row.drill or "",
    )


def of_station(
    row: Row[Any], station: Station, region: Region, areas: Sequence[CityArea], now: datetime
) -> Saying:
    """A river post as its level was judged last.

    Args:
        areas: the parts of the city that its water reaches; empty: a circle around the post.
    """
    over = row.severity < RIVER_FROM
    label = station.at(row.t_ms).labels[row.severity]
    value = "" if row.value_mm is None else f"{row.value_mm / 1000:.2f} m"
    common: dict[str, Any] = {
        "category": "Met",
        "urgency": "Past" if over else "Immediate" if row.severity > RIVER_FROM else "Expected",
        "severity": "Minor" if over else "Extreme" if row.severity > RIVER_FROM else "Severe",
        "certainty": "Observed",
        "expires": now + VALID,
        "sender_name": region.name,
        "response": "AllClear" if over else "Evacuate" if row.severity > RIVER_FROM else "Prepare",
        "areas": (_station_area(station, region.sites.get(station.site), areas),),
    }
    infos = (
        Info(
            language="id",
            event="Tinggi muka air",
            headline=f"{label}: {station.name}, {station.river}",
            description=f"Tinggi muka air {station.name} ({station.river}) {value}: {label}.",
            instruction="" if over else "Jauhi bantaran sungai dan ikuti arahan petugas.",
            **common,
        ),
        Info(
            language="en",
            event="Water level",
            headline=f"{label}: {station.name}, {station.river}",
            description=f"Water level at {station.name} ({station.river}) {value}: {label}.",
            instruction="" if over else "Keep away from the banks and follow the officers' directions.",
            **common,
        ),
    )
    return Saying(
        subject=f"station/{station.id}",
        key=str(row.severity),
        over=over,
        status="Actual",
        scope="Public",
        restriction="",
        infos=infos,
        priority=1 if row.severity > RIVER_FROM else 2,
    )


def _incident_areas(row: Row[Any]) -> tuple[Area, ...]:
    words = row.place.strip() or "-"
    if row.lat is None or row.lon is None:
        return (Area(words),)
    return (Area(words, circles=(Circle((row.lat, row.lon), max(INCIDENT_KM, (row.error_m or 0) / 1000)),)),)


def _station_area(station: Station, site: Site | None, areas: Sequence[CityArea]) -> Area:
    if areas:
        rings = tuple((*area.polygon, area.polygon[0]) for area in areas)
        return Area(f"{station.river}: {', '.join(area.name for area in areas)}", polygons=rings)
    circles = () if site is None else (Circle((site.lat, site.lon), STATION_KM),)
    return Area(f"{station.river}, {station.name}", circles=circles)
