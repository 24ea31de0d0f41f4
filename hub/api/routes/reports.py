"""Reports as JSON: an incident with all that is known of it, a month, a shift."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path

from hub.api import reports
from hub.api.access import Hub, Route, only
from hub.api.auth.roles import REPORTING


async def incident(hub: Hub, incident_id: str) -> dict[str, Any]:
    """Laporan insiden / An incident with timeline, agencies, notices and escalation, and whether its chain holds."""
    return await reports.of_incident(hub, incident_id)


async def month(hub: Hub, month: str) -> dict[str, Any]:
    """Laporan bulan / A month (YYYY-MM): response times, agencies, false presses, the longest without an answer."""
    return reports.as_json(await reports.of_period(hub, reports.month_named(hub, month)))


async def shift(hub: Hub, number: Annotated[int, Path(ge=1, le=2**53)]) -> dict[str, Any]:
    """Laporan jaga / A shift: who had the watch, the note, what was left open, and the numbers of a month."""
    found, report = await reports.of_shift(hub, number)
    return {"shift": found, "report": reports.as_json(report)}


ROUTES = (
    Route("GET", "/api/reports/incidents/{incident_id}", incident, only(REPORTING), "reports"),
    Route("GET", "/api/reports/months/{month}", month, only(REPORTING), "reports"),
    Route("GET", "/api/reports/shifts/{number}", shift, only(REPORTING), "reports"),
)
