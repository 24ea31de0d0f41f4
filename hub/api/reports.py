"""Reports for pages and programs: what is read for each, and as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from hub.api.errors import ApiError
from hub.api.services import Services
from hub.incidents import reads, timeline
from hub.reports import summary
from hub.reports.period import Period, month
from hub.reports.spread import Spread
from hub.reports.summary import Report
from hub.shifts import reads as shifts


def month_named(hub: Services, name: str) -> Period:
    """A month of the city's calendar.

    Raises:
        ApiError: the name is none.
    """
    found = month(name, hub.region.zone)
    if found is None:
        raise ApiError("not_found", "a month is YYYY-MM")
    return found


async def of_period(hub: Services, period: Period) -> Report:
    """The report of a period."""
    now_ms, directory = hub.clock.now_ms(), hub.directory()
    return await hub.db.read(lambda conn: summary.read(conn, hub.region, directory, period, now_ms=now_ms))


async def of_shift(hub: Services, number: int) -> tuple[dict[str, Any], Report]:
    """A shift and its report; of the present one up to now.

    Raises:
        ApiError: there is no such shift.
    """
    shift = await hub.db.read(lambda conn: shifts.one(conn, number))
    if shift is None:
        raise ApiError("not_found")
    until_ms = hub.clock.now_ms() if shift["ended_ms"] is None else shift["ended_ms"]
    return shift, await of_period(hub, Period(shift["name"] or f"#{number}", shift["began_ms"], until_ms))


async def of_incident(hub: Services, incident_id: str) -> dict[str, Any]:
    """An incident with all that is known of it, and whether its timeline is as it was written.

    Raises:
        hub.incidents.machine.NotFoundError: there is none.
    """

    def read(conn: Connection) -> dict[str, Any]:
        found = reads.one(conn, incident_id, hub.region)
        return {**found, "timeline_broken_at": timeline.broken_at(conn, incident_id)}

    return {**await hub.db.read(read), "made_ms": hub.clock.now_ms()}


def as_json(report: Report) -> dict[str, Any]:
    """A report as plain values; each spread with its share in percent."""
    return {
        **asdict(report),
        **{
            name: spread_as_json(value)
            for name in ("seen", "verified", "dispatched")
            if isinstance(value := getattr(report, name), Spread)
        },
        "agencies": [
            {
                **asdict(line),
                "answered": spread_as_json(line.answered),
                "arrived": spread_as_json(line.arrived),
            }
            for line in report.agencies
        ],
    }


def spread_as_json(found: Spread) -> dict[str, Any]:
    """A spread as plain values."""
    return {**asdict(found), "within_pct": found.within_pct}
