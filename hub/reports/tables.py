"""Reports as tables for other programs: CSV by RFC 4180, UTF-8 with a mark so that Excel reads it as such. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hub.reports.spread import Spread
from hub.reports.summary import AgencyLine, ButtonLine, Times

Cell = str | int | float | None

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula; text that begins so gets an apostrophe before it."""

INCIDENTS = (
    "number",
    "kind",
    "origin",
    "priority",
    "state",
    "title",
    "place",
    "site",
    "gateway",
    "device",
    "opened",
    "seen_s",
    "verified_s",
    "assigned_s",
    "closed_s",
    "presses",
    "recovered",
)
AGENCIES = (
    "agency",
    "name",
    "given",
    "answered",
    "answered_median_s",
    "answered_p90_s",
    "answered_most_s",
    "answered_in_time_pct",
    "arrived",
    "arrived_median_s",
    "arrived_p90_s",
    "refused",
    "silent",
)
BUTTONS = ("gateway", "device", "name", "incidents", "false", "presses")


def incidents(found: Iterable[Times], zone: str) -> str:
    """A line an incident; times in seconds since it was opened, the opening in the city's time with its offset."""
    return _written(
        INCIDENTS,
        (
            (
                one.row.number,
                one.row.kind,
                one.row.origin,
                one.row.priority,
                one.row.state,
                one.row.title,
                one.row.place,
                one.row.site,
                one.row.gateway,
                one.row.device,
                _local(one.row.opened_ms, zone),
                *(
                    _seconds(None if at is None else at - one.row.opened_ms)
                    for at in (one.acknowledged_ms, one.verified_ms, one.assigned_ms, one.row.closed_ms)
                ),
                one.row.presses,
                int(one.row.recovered),
            )
            for one in found
        ),
    )


def agencies(lines: Iterable[AgencyLine]) -> str:
    """A line an agency."""
    return _written(
        AGENCIES,
        (
            (
                line.id,
                line.name,
                line.given,
                line.answered.count,
                *_spread(line.answered),
                _seconds(line.answered.most_ms),
                line.answered.within_pct,
                line.arrived.count,
                *_spread(line.arrived),
                line.refused,
                line.silent,
            )
            for line in lines
        ),
    )


def buttons(lines: Iterable[ButtonLine]) -> str:
    """A line a button."""
    return _written(
        BUTTONS,
        ((line.gateway, line.device, line.name, line.incidents, line.false, line.presses) for line in lines),
    )


def _spread(found: Spread) -> tuple[Cell, Cell]:
    return _seconds(found.median_ms), _seconds(found.p90_ms)


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else round(ms / 1000, 1)


def _local(t_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")


def _written(head: Sequence[str], rows: Iterable[Iterable[Cell]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return "\ufeff" + text.getvalue()


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
