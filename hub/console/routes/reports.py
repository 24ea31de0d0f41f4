"""Reports to read and to print: a month, a shift, an incident; and a month as CSV."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from hub.api import reports
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth.roles import REPORTING
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.console import words
from hub.console.directory import STEP_LABELS, both
from hub.console.names import full_names
from hub.console.page import OPTIONS, page
from hub.incidents.kinds import KINDS, ORIGINS
from hub.incidents.machine import LABELS
from hub.reports import summary, tables
from hub.reports.period import month_of, neighbour
from hub.reports.summary import Report
from hub.shifts import reads as shifts

SHIFTS = 30
"""Shifts that are offered."""

MEDIA = "text/csv; charset=utf-8"


async def months(
    request: Request, hub: Hub, who: Who, month: Annotated[str, Query(max_length=7)] = ""
) -> HTMLResponse:
    """Laporan bulan / A month in numbers, the shifts to choose from, and CSV."""
    now = month_of(hub.clock.now_ms(), hub.region.zone)
    period = reports.month_named(hub, month or now)
    report = await reports.of_period(hub, period)

    def read(conn: Connection) -> tuple[list[dict[str, Any]], int | None]:
        offered = shifts.ended(conn, limit=SHIFTS, since_ms=period.from_ms, until_ms=period.to_ms)
        return offered, summary.begins_ms(conn)

    offered, begins_ms = await hub.db.read(read)
    older = begins_ms is not None and begins_ms < period.from_ms
    more = {
        "month": period.name,
        "before": neighbour(period.name, -1) if older else "",
        "after": neighbour(period.name, 1) if period.name < now else "",
        "shifts": offered,
        "shift": None,
    }
    return await _numbers(request, hub, who, report, more)


async def shift(
    request: Request, hub: Hub, who: Who, number: Annotated[int, Path(ge=1, le=2**53)]
) -> HTMLResponse:
    """Laporan jaga / A shift in numbers, with its note and what it left open."""
    found, report = await reports.of_shift(hub, number)
    more = {"month": "", "before": "", "after": "", "shifts": [], "shift": found}
    return await _numbers(request, hub, who, report, more)


async def incident(request: Request, hub: Hub, who: Who, incident_id: str) -> HTMLResponse:
    """Laporan insiden / One incident to print: what happened when, by whom, and what is proven of each notice."""
    context = {
        "incident": await reports.of_incident(hub, incident_id),
        "names": await hub.db.read(full_names),
        "words": words,
        "step_labels": {step: both(labels) for step, labels in STEP_LABELS.items()},
    }
    return await page(request, hub, who, "report_incident.html", **context)


async def table(hub: Hub, month: str, table: str) -> Response:
    """Unduh CSV / A month's incidents, agencies or buttons as CSV."""
    period, zone = reports.month_named(hub, month), hub.region.zone
    match table:
        case "incidents.csv":
            text = tables.incidents(await hub.db.read(lambda conn: summary.times(conn, period)), zone)
        case "agencies.csv":
            text = tables.agencies((await reports.of_period(hub, period)).agencies)
        case "buttons.csv":
            text = tables.buttons((await reports.of_period(hub, period)).buttons)
        case _:
            raise ApiError("not_found")
    name = f"{hub.region.id}-{month}-{table}"
    return Response(text, media_type=MEDIA, headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def _numbers(
    request: Request, hub: Services, who: Identity, report: Report, more: dict[str, Any]
) -> HTMLResponse:
    context = {
        "report": report,
        "kind_labels": {kind: both(labels) for kind, labels in KINDS.items()},
        "origin_labels": {origin: both(labels) for origin, labels in ORIGINS.items()},
        "states": {state: both(labels) for state, labels in LABELS.items()},
        "names": await hub.db.read(full_names),
        **more,
    }
    return await page(request, hub, who, "report.html", **context)


ROUTES = (
    Route("GET", "/reports", months, only(REPORTING), "pages", OPTIONS),
    Route("GET", "/reports/shifts/{number}", shift, only(REPORTING), "pages", OPTIONS),
    Route("GET", "/reports/incidents/{incident_id}", incident, only(REPORTING), "pages", OPTIONS),
    Route("GET", "/reports/months/{month}/{table}", table, only(REPORTING), "pages", OPTIONS),
)
