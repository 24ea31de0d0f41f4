"""What the day came to, read from the tables that it left behind, by none of the code that wrote them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection, func, select

from hub.agencies.directory import Delays
from hub.escalation.tables import escalation_steps
from hub.incidents.machine import ACTIONS, CLOSED, TRANSITIONS
from hub.incidents.tables import assignments, incidents, presses, timeline
from hub.notify.tables import outbox
from simulator.alarm_day.plan import MINUTE_MS
from simulator.press_day.plan import Press

SLACK_MS = 2_000
"""So much later than its time an escalation may be."""

DECIDING = frozenset(
    {"assign"}
    | {action for action in ACTIONS if any(ways.get(action) in CLOSED for ways in TRANSITIONS.values())}
)
"""Steps by which somebody has decided what becomes of an incident."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A question that stood open: from when to when (ms; None where nobody ever answered)."""

    question: str
    incident_id: str
    from_ms: int
    to_ms: int | None

    @property
    def ms(self) -> float:
        """How long."""
        return float("inf") if self.to_ms is None else self.to_ms - self.from_ms


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the day came to; times in ms.

    Attributes:
        found: presses that are in an incident.
        joined: presses that came to an incident that was open already; ``most_joined`` is the most of one incident.
        doubled: times that a button had two open incidents at once.
        earnest: from the press in earnest to each step of its incident, where it was first taken.
        waits: every question and how long it stood.
        unescalated: of those, what stood longer than it may and nobody further was asked in time.
        exhausted: questions to which everybody was asked twice before somebody answered; an alarm tells of them.
        told: messages to people by who they are: ``desk``, or the level of the escalation.
        peak_pressed, peak_told: most presses, and most messages, in a minute of the clock.
    """

    presses: int
    found: int
    incidents: int
    joined: int
    most_joined: int
    doubled: int
    earnest: Mapping[str, int]
    waits: tuple[Wait, ...]
    unescalated: tuple[Wait, ...]
    exhausted: int
    told: Mapping[str, int]
    peak_pressed: int
    peak_told: int

    def share(self, question: str, part: float) -> float:
        """How long so large a part of these questions stood at most."""
        found = sorted(wait.ms for wait in self.waits if wait.question == question)
        return found[min(len(found) - 1, int(part * len(found)))] if found else 0.0

    def within(self, question: str, ms: float) -> float:
        """The part of these questions that was answered in that time."""
        found = [wait.ms <= ms for wait in self.waits if wait.question == question]
        return sum(found) / len(found) if found else 0.0


def outcome(conn: Connection, made: tuple[Press, ...], delays: Delays) -> Outcome:
    """Read it."""
    rows = conn.execute(
        select(incidents).order_by(incidents.c.gateway, incidents.c.device, incidents.c.opened_ms)
    ).all()
    asked = conn.execute(select(escalation_steps).where(escalation_steps.c.outcome == "told")).all()
    allowed_ms = {
        "acknowledge": delays.operator_s * 1000,
        "decide": delays.dispatch_s * 1000,
        "agency": delays.agency_s * 1000,
    }
    waits = tuple(wait for row in rows for wait in _waits(conn, row.id))
    told = conn.execute(select(outbox.c.created_ms)).scalars().all()
    levels = Counter(step.level for step in asked)
    return Outcome(
        presses=len(made),
        found=len(conn.execute(select(presses.c.event_id)).all()),
        incidents=len(rows),
        joined=sum(row.presses - 1 for row in rows),
        most_joined=max(row.presses for row in rows),
        doubled=sum(
            (one.gateway, one.device) == (after.gateway, after.device)
            and (one.closed_ms is None or one.closed_ms > after.opened_ms)
            for one, after in pairwise(rows)
        ),
        earnest=_steps(conn, next(press for press in made if press.earnest)),
        waits=waits,
        unescalated=tuple(
            wait
            for wait in waits
            if wait.ms > allowed_ms[wait.question] + SLACK_MS
            and not any(
                (step.ladder, step.incident_id) == (wait.question, wait.incident_id)
                and 0 <= step.at_ms - wait.from_ms <= allowed_ms[wait.question] + SLACK_MS
                for step in asked
            )
        ),
        exhausted=conn.execute(
            select(func.count()).select_from(escalation_steps).where(escalation_steps.c.step == "exhaust")
        ).scalar_one(),
        told={"desk": len(told) - sum(levels.values()), **levels},
        peak_pressed=_peak(press.at_ms for press in made),
        peak_told=_peak(told),
    )


def _waits(conn: Connection, incident_id: str) -> Iterator[Wait]:
    """Every question that an incident put, by its timeline and its assignments."""
    unseen_ms: int | None = None
    undecided_ms: int | None = None
    decided = False
    for entry in conn.execute(
        select(timeline).where(timeline.c.incident_id == incident_id).order_by(timeline.c.n)
    ):
        if entry.action in ("open", "press") and unseen_ms is None:
            unseen_ms = entry.at_ms
        elif entry.action == "acknowledge" and unseen_ms is not None:
            yield Wait("acknowledge", incident_id, unseen_ms, entry.at_ms)
            unseen_ms = None
            undecided_ms = entry.at_ms if undecided_ms is None else undecided_ms
        elif entry.action in DECIDING and undecided_ms is not None and not decided:
            yield Wait("decide", incident_id, undecided_ms, entry.at_ms)
            decided = True
    if unseen_ms is not None:
        yield Wait("acknowledge", incident_id, unseen_ms, None)
    if undecided_ms is not None and not decided:
        yield Wait("decide", incident_id, undecided_ms, None)
    for part in conn.execute(select(assignments).where(assignments.c.incident_id == incident_id)):
        yield Wait("agency", incident_id, part.assigned_ms, part.accepted_ms)


def _steps(conn: Connection, press: Press) -> dict[str, int]:
    found = conn.execute(
        select(presses.c.incident_id).where(
            presses.c.gateway == press.gateway,
            presses.c.device == press.device,
            presses.c.received_ms == press.at_ms,
        )
    ).scalar_one()
    entries = conn.execute(
        select(timeline.c.action, timeline.c.at_ms)
        .where(timeline.c.incident_id == found, timeline.c.at_ms >= press.at_ms)
        .order_by(timeline.c.n.desc())
    )
    return {row.action: row.at_ms - press.at_ms for row in entries}


def _peak(times_ms: Iterable[int]) -> int:
    return max(Counter(t_ms // MINUTE_MS for t_ms in times_ms).values(), default=0)
