"""Incidents that may be the same one: near in place and time. A suggestion; only a person merges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, select

from hub.advisories.model import distance_km
from hub.incidents.machine import OPEN
from hub.incidents.tables import incidents

NEAR_M = 500.0
"""Two positions further apart than this, less what they may be off, are two places."""

TOGETHER_MS = 30 * 60_000
"""Two incidents whose newest news are further apart than this are two."""


def suggested(conn: Connection, incident: Row[Any]) -> list[dict[str, Any]]:
    """Open incidents that may be this one, the nearest first, with how far they are in place and time."""
    if incident.state not in OPEN:
        return []
    others = conn.execute(
        select(incidents).where(
            incidents.c.id != incident.id,
            incidents.c.state.in_(OPEN),
            incidents.c.opened_ms <= incident.last_press_ms + TOGETHER_MS,
            incidents.c.last_press_ms >= incident.opened_ms - TOGETHER_MS,
        )
    )
    return _near(incident, others)


def _near(incident: Row[Any], others: Iterable[Row[Any]]) -> list[dict[str, Any]]:
    found = []
    for other in others:
        apart_m = _apart_m(incident, other)
        # A drill is never the same as something in earnest.
        if apart_m is None or other.drill != incident.drill:
            continue
        if apart_m <= NEAR_M + (incident.error_m or 0) + (other.error_m or 0):
            found.append(
                {
                    "id": other.id,
                    "number": other.number,
                    "kind": other.kind,
                    "title": other.title,
                    "place": other.place,
                    "state": other.state,
                    "opened_ms": other.opened_ms,
                    "apart_m": round(apart_m),
                    "apart_ms": abs(other.opened_ms - incident.opened_ms),
                }
            )
    return sorted(found, key=lambda one: (one["apart_m"], one["apart_ms"], one["number"]))


def _apart_m(one: Row[Any], other: Row[Any]) -> float | None:
    """Metres between them; None where a position is not known."""
    if one.site and one.site == other.site:
        return 0.0
    if None in (one.lat, one.lon, other.lat, other.lon):
        return None
    return 1000 * distance_km(one.lat, one.lon, other.lat, other.lon)
