"""A period in numbers: how soon the room and each agency answered, false presses, the longest without an answer.

Exercises are left out. So are, for times, incidents that came again after a restore: nobody could have answered them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, func, select

from hub.agencies.directory import Directory
from hub.escalation.tables import escalation_steps
from hub.incidents.machine import OPEN, State
from hub.incidents.progress import PART_STEPS
from hub.incidents.tables import assignments, incidents, timeline
from hub.region import Region
from hub.reports.period import Period
from hub.reports.spread import Spread, spread

SEEN_MS = 15_000
"""NFPA 1221: 95 of 100 calls are answered within this."""

DISPATCHED_MS = 60_000
"""NFPA 1221: 95 of 100 calls are passed on within this, once answered."""

LONGEST = 10
"""How many of the longest without an answer are named."""

MOMENTS = ("acknowledge", "verify", "assign")

SAYING = tuple(step for step in PART_STEPS if step != "withdraw")
"""Steps of an agency's part by which it answers."""


@dataclass(frozen=True, slots=True)
class Times:
    """An incident with the moments that a report is about; a moment that never came is None."""

    row: Row[Any]
    acknowledged_ms: int | None
    verified_ms: int | None
    assigned_ms: int | None

    def unanswered_ms(self, now_ms: int) -> int:
        """How long nobody had seen it, or has not until now."""
        closed_ms: int | None = self.row.closed_ms
        until = next((at for at in (self.acknowledged_ms, closed_ms) if at is not None), now_ms)
        return max(until - int(self.row.opened_ms), 0)


@dataclass(frozen=True, slots=True)
class AgencyLine:
    """What an agency did with what it was given.

    Attributes:
        answered: from being given it to the first answer.
        arrived: from being given it to being on the scene.
        refused: could not come. silent: has never answered, and nobody answered for it.
    """

    id: str
    name: str
    given: int
    answered: Spread
    arrived: Spread
    refused: int
    silent: int


@dataclass(frozen=True, slots=True)
class ButtonLine:
    """A panic button: its incidents, how many of them were false, and its presses."""

    gateway: str
    device: str
    name: str
    incidents: int
    false: int
    presses: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An incident that waited for a person. ``seen`` is False where it waits still, or was closed unseen."""

    id: str
    number: int
    title: str
    place: str
    opened_ms: int
    waited_ms: int
    seen: bool


@dataclass(frozen=True, slots=True)
class Report:
    """A period in numbers.

    Attributes:
        total: incidents opened in it. still_open: of these, now.
        by_kind, by_state, by_origin: how many of each.
        seen: from opening to the first person's acknowledgement, of what no person opened.
        verified: from opening to verification. dispatched: from acknowledgement to the first agency.
        escalated: incidents about which somebody beside the operators was asked.
    """

    period: Period
    made_ms: int
    total: int
    still_open: int
    by_kind: Mapping[str, int]
    by_state: Mapping[str, int]
    by_origin: Mapping[str, int]
    recovered: int
    seen: Spread
    verified: Spread
    dispatched: Spread
    escalated: int
    agencies: Sequence[AgencyLine]
    buttons: Sequence[ButtonLine]
    longest: Sequence[Unanswered]


def read(conn: Connection, region: Region, directory: Directory, period: Period, *, now_ms: int) -> Report:
    """The report of a period, as its incidents are now."""
    found = times(conn, period)
    timed = [one for one in found if not one.row.recovered]
    heard = [one for one in timed if one.row.origin in ("gateway", "app", "alarm")]
    return Report(
        period=period,
        made_ms=now_ms,
        total=len(found),
        still_open=sum(one.row.state in OPEN for one in found),
        by_kind=Counter(one.row.kind for one in found),
        by_state=Counter(cast(State, one.row.state) for one in found),
        by_origin=Counter(one.row.origin for one in found),
        recovered=len(found) - len(timed),
        seen=spread(
            (one.acknowledged_ms - one.row.opened_ms for one in heard if one.acknowledged_ms is not None),
            SEEN_MS,
        ),
        verified=spread(
            (one.verified_ms - one.row.opened_ms for one in timed if one.verified_ms is not None),
            DISPATCHED_MS,
        ),
        dispatched=spread(
            (
                one.assigned_ms - (one.acknowledged_ms or one.row.opened_ms)
                for one in timed
                if one.assigned_ms is not None
            ),
            DISPATCHED_MS,
        ),
        escalated=_escalated(conn, period),
        agencies=_agencies(conn, directory, period),
        buttons=_buttons(found, region),
        longest=_longest(timed, now_ms),
    )


def times(conn: Connection, period: Period) -> list[Times]:
    """The incidents of a period with their moments, in their order; no exercises."""
    moments: dict[str, dict[str, int]] = {}
    first = func.min(timeline.c.at_ms).label("at_ms")
    query = (
        select(timeline.c.incident_id, timeline.c.action, first)
        .join(incidents, incidents.c.id == timeline.c.incident_id)
        .where(*_within(period), timeline.c.action.in_(MOMENTS))
        .group_by(timeline.c.incident_id, timeline.c.action)
    )
    for row in conn.execute(query):
        moments.setdefault(row.incident_id, {})[row.action] = row.at_ms
    rows = conn.execute(select(incidents).where(*_within(period)).order_by(incidents.c.number))
    return [Times(row, *(moments.get(row.id, {}).get(name) for name in MOMENTS)) for row in rows]


def begins_ms(conn: Connection) -> int | None:
    """When the oldest incident was opened; None where there is none."""
    found: int | None = conn.execute(select(func.min(incidents.c.opened_ms))).scalar_one()
    return found


def _within(period: Period) -> tuple[Any, ...]:
    return (
        incidents.c.opened_ms >= period.from_ms,
        incidents.c.opened_ms < period.to_ms,
        incidents.c.drill.is_(None),
    )


def _escalated(conn: Connection, period: Period) -> int:
    query = (
        select(func.count(func.distinct(escalation_steps.c.incident_id)))
        .join(incidents, incidents.c.id == escalation_steps.c.incident_id)
        .where(*_within(period), escalation_steps.c.outcome == "told")
    )
    return int(conn.execute(query).scalar_one())


def _agencies(conn: Connection, directory: Directory, period: Period) -> list[AgencyLine]:
    query = (
        select(assignments, incidents.c.kind)
        .join(incidents, incidents.c.id == assignments.c.incident_id)
        .where(*_within(period))
    )
    given: dict[str, list[Row[Any]]] = {}
    for row in conn.execute(query):
        given.setdefault(row.agency, []).append(row)
    words = _words(conn, period)
    lines = []
    for agency, rows in sorted(given.items()):
        answers = [words[row.id][0].at_ms - row.assigned_ms for row in rows if row.id in words]
        known = directory.agencies.get(agency)
        lines.append(
            AgencyLine(
                id=agency,
                name=agency if known is None else known.name,
                given=len(rows),
                answered=spread(answers, round(directory.delays("").agency_s * 1000)),
                arrived=spread(
                    (row.arrived_ms - row.assigned_ms for row in rows if row.arrived_ms is not None), 0
                ),
                refused=sum(row.id in words and words[row.id][-1].action == "refuse" for row in rows),
                silent=sum(row.id not in words for row in rows),
            )
        )
    return lines


def _words(conn: Connection, period: Period) -> Mapping[str, Sequence[Row[Any]]]:
    """What agencies said of each assignment, or somebody said for them, in its order. Of those that said nothing,
    nothing; an assignment itself forgets a refusal when it is withdrawn or its incident is closed."""
    query = (
        select(timeline)
        .join(incidents, incidents.c.id == timeline.c.incident_id)
        .where(*_within(period), timeline.c.action.in_(SAYING))
        .order_by(timeline.c.incident_id, timeline.c.n)
    )
    found: dict[str, list[Row[Any]]] = {}
    for row in conn.execute(query):
        found.setdefault(json.loads(row.data).get("assignment", ""), []).append(row)
    return found


def _buttons(found: Sequence[Times], region: Region) -> list[ButtonLine]:
    by_button: dict[tuple[str, str], list[Row[Any]]] = {}
    for one in found:
        if one.row.origin == "gateway" and one.row.kind == "panic":
            by_button.setdefault((one.row.gateway, one.row.device), []).append(one.row)
    lines = []
    for (gateway, device), rows in by_button.items():
        button = region.button_at(gateway, device)
        lines.append(
            ButtonLine(
                gateway=gateway,
                device=device,
                name=f"{gateway}/{device}" if button is None else button.name,
                incidents=len(rows),
                false=sum(row.state == "false_alarm" for row in rows),
                presses=sum(row.presses for row in rows),
            )
        )
    return sorted(lines, key=lambda line: (-line.false, -line.incidents, line.name))


def _longest(timed: Sequence[Times], now_ms: int) -> list[Unanswered]:
    waited = sorted(timed, key=lambda one: (-one.unanswered_ms(now_ms), one.row.number))
    return [
        Unanswered(
            id=one.row.id,
            number=one.row.number,
            title=one.row.title,
            place=one.row.place,
            opened_ms=one.row.opened_ms,
            waited_ms=one.unanswered_ms(now_ms),
            seen=one.acknowledged_ms is not None,
        )
        for one in waited[:LONGEST]
    ]
