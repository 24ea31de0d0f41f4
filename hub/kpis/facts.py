"""What happened, at its own time: annotations of incidents and levels, response times, presses.

Written again where it changes, and at each start for the last month: the same fact is the same point. A text tells the
kind, the place by its public name and the number; neither a caller nor what somebody wrote is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, func, or_, select

from hub.alarms.tables import level_changes
from hub.incidents.kinds import KINDS, Kind
from hub.incidents.machine import LABELS, OPEN, State
from hub.incidents.tables import assignments, incidents, presses, timeline
from hub.kpis.measures import ANNOTATIONS, PRESSES, RESPONSE
from hub.kpis.point import Point
from hub.region import Region

BACK_MS = 30 * 86_400_000
"""How far back facts are written again."""

AT_ONCE = 200
"""Incidents in one reading."""

WORST = 4
"""Priority 1 is severity 3."""

STEPS = {
    "accepted_ms": "accepted",
    "departed_ms": "en_route",
    "arrived_ms": "on_scene",
    "contained_ms": "contained",
}
"""What an agency says of its part, and the step that this is."""

_Mark = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """How far the facts are told.

    Attributes:
        incidents: by id, what of it has been told.
        change: id of the last level change that has.
    """

    incidents: dict[str, _Mark]
    change: int = 0


NOTHING = Seen({})


def news(conn: Connection, region: Region, seen: Seen, now_ms: int) -> tuple[list[Point], Seen]:
    """Facts that are new or have changed, and how far they are told once these are written. A part of them where there
    are many: ask again until there are none."""
    since_ms = now_ms - BACK_MS
    recent = or_(incidents.c.opened_ms >= since_ms, incidents.c.state.in_(OPEN))
    rows = conn.execute(
        select(incidents).where(recent, incidents.c.drill.is_(None)).order_by(incidents.c.opened_ms)
    ).all()
    answers = select(assignments.c.incident_id, func.max(assignments.c.changed_ms))
    answers = answers.join(incidents, incidents.c.id == assignments.c.incident_id).where(recent)
    answered = {row[0]: row[1] for row in conn.execute(answers.group_by(assignments.c.incident_id))}
    marks = {row.id: (*_mark(row), answered.get(row.id)) for row in rows}
    changed = [row for row in rows if seen.incidents.get(row.id) != marks[row.id]][:AT_ONCE]
    told = {key: mark for key, mark in seen.incidents.items() if key in marks}
    told.update((row.id, marks[row.id]) for row in changed)
    levels = conn.execute(
        select(level_changes)
        .where(level_changes.c.id > seen.change, level_changes.c.noted_ms >= since_ms)
        .order_by(level_changes.c.id)
        .limit(AT_ONCE)
    ).all()
    points = [
        *(_annotation(row, region) for row in changed),
        *_steps(conn, changed),
        *_answers(conn, changed),
        *_presses(conn, changed),
        *(point for row in levels for point in _level(row, region)),
    ]
    return points, Seen(told, levels[-1].id if levels else seen.change)


def _mark(row: Row[Any]) -> _Mark:
    """What changes with all that is told of an incident itself."""
    return (row.version, row.state, row.presses, row.acknowledged_ms, row.claimed_ms, row.closed_ms)


def _annotation(row: Row[Any], region: Region) -> Point:
    site = region.sites.get(row.site)
    kind = KINDS[cast(Kind, row.kind)][0]
    return Point(
        ANNOTATIONS,
        ("incident", row.site),
        {
            "title": f"#{row.number} {kind}" + (f": {site.name}" if site else ""),
            "text": LABELS[cast(State, row.state)][0],
            "id": row.id,
            "severity": WORST - row.priority,
            "until_ms": row.closed_ms,
        },
        row.opened_ms,
        row.id,
    )


def _steps(conn: Connection, changed: Sequence[Row[Any]]) -> Iterator[Point]:
    """How long after it was opened an incident was acknowledged, claimed, and first came to each state."""
    by_id = {row.id: row for row in changed}
    for row in changed:
        for step, at_ms in (("acknowledged", row.acknowledged_ms), ("claimed", row.claimed_ms)):
            if at_ms is not None:
                yield _step(row, step, at_ms)
    entries = conn.execute(
        select(timeline.c.incident_id, timeline.c.to_state, timeline.c.at_ms)
        .where(timeline.c.incident_id.in_(by_id))
        .order_by(timeline.c.incident_id, timeline.c.n)
    )
    first: set[tuple[str, str]] = set()
    for entry in entries:
        row = by_id[entry.incident_id]
        if (row.id, entry.to_state) not in first and entry.at_ms > row.opened_ms:
            first.add((row.id, entry.to_state))
            yield _step(row, entry.to_state, entry.at_ms)


def _answers(conn: Connection, changed: Sequence[Row[Any]]) -> Iterator[Point]:
    """How long each agency took, from the opening and from when it was told to go."""
    by_id = {row.id: row for row in changed}
    for part in conn.execute(select(assignments).where(assignments.c.incident_id.in_(by_id))):
        for column, step in STEPS.items():
            at_ms = part._mapping[column]
            if at_ms is not None:
                yield _step(by_id[part.incident_id], step, at_ms, part.agency, part.assigned_ms)


def _step(row: Row[Any], step: str, at_ms: int, agency: str = "", assigned_ms: int | None = None) -> Point:
    return Point(
        RESPONSE,
        (row.kind, step, row.site, agency),
        {
            "seconds": (at_ms - row.opened_ms) / 1000,
            "assigned_s": None if assigned_ms is None else (at_ms - assigned_ms) / 1000,
            "incident": row.id,
            "number": row.number,
        },
        at_ms,
        row.id,
    )


def _presses(conn: Connection, changed: Sequence[Row[Any]]) -> Iterator[Point]:
    numbers = {row.id: row.number for row in changed}
    for press in conn.execute(select(presses).where(presses.c.incident_id.in_(numbers))):
        yield Point(
            PRESSES,
            (press.site, press.gateway, press.device),
            {
                "delay_s": None if press.delay_ms is None else press.delay_ms / 1000,
                "incident": press.incident_id,
                "number": numbers[press.incident_id],
            },
            press.received_ms,
            press.event_id,
        )


def _level(row: Row[Any], region: Region) -> Iterator[Point]:
    """A change of level, named as its post names its levels; none of a post that the region no longer has, and none
    of a rise, which is no level."""
    station = region.stations.get(row.station)
    if station is None or row.old_severity == row.new_severity:
        return
    labels = station.at(row.t_ms).labels
    way = "naik ke" if row.new_severity > row.old_severity else "turun ke"
    yield Point(
        ANNOTATIONS,
        ("level", station.site),
        {
            "title": f"{station.name} {way} {labels[row.new_severity]}",
            "text": f"{row.value_mm / 1000:.2f} m",
            "id": f"{row.station}/{row.id}",
            "severity": row.new_severity,
        },
        row.t_ms,
        f"{row.station}/{row.id}",
    )
