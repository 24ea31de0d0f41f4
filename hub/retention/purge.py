"""Deleting what is over, class by class, a few rows a transaction, so that a press never waits behind it.

Every function counts or deletes what is older than a time, within the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, select

from hub.alarms.tables import alarm_history, level_changes
from hub.api import audit as trail
from hub.api.audit import CUT
from hub.api.tables import audit
from hub.cap.tables import cap_messages
from hub.commissioning.tables import commissionings, photos
from hub.commissioning.tables import entries as commissioning_entries
from hub.drills.tables import drills
from hub.escalation.tables import escalation_steps, escalations
from hub.incidents.tables import (
    assignments,
    attachments,
    checklist_ticks,
    incidents,
    presses,
    timeline,
)
from hub.ingest.reads import PERSONAL
from hub.ingest.tables import dead_letters, events
from hub.notify.tables import answers, asks, deliveries, facts, outbox, texts_received
from hub.shifts.tables import shift_items, shift_people, shifts

BATCH = 200
"""Rows a transaction; some milliseconds."""

MOST_CUT = 1000
"""Rows of the trail that are verified and cut off in one transaction; some milliseconds too."""

BELONGING = (
    escalation_steps,
    escalations,
    assignments,
    checklist_ticks,
    attachments,
    presses,
    timeline,
    asks,
    drills,
)
"""Tables of what belongs to an incident, in an order in which their rows can go."""


OF_NOTICE = (deliveries, facts)
"""Tables of what belongs to a notice."""


class Kept(Protocol):
    """Something that is kept for a time."""

    def count(self, conn: Connection, before_ms: int) -> int:
        """How many of it are older."""
        ...

    def delete(self, conn: Connection, before_ms: int, now_ms: int) -> int:
        """Delete the oldest of them, not all where there are many; how many."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one table that go by their age alone.

    Attributes:
        over: which of them are over at a time.
    """

    table: Table
    over: Callable[[int], ColumnElement[bool]]

    def count(self, conn: Connection, before_ms: int) -> int:
        """How many would go."""
        return conn.execute(
            select(func.count()).select_from(self.table).where(self.over(before_ms))
        ).scalar_one()

    def delete(self, conn: Connection, before_ms: int, now_ms: int) -> int:
        """Delete the first of them; how many."""
        (key,) = self.table.primary_key.columns
        some = select(key).where(self.over(before_ms)).limit(BATCH)
        return conn.execute(delete(self.table).where(key.in_(conn.execute(some).scalars().all()))).rowcount


@dataclass(frozen=True, slots=True)
class Incidents:
    """Closed incidents, each with all that belongs to it. A duplicate goes before the one it is a duplicate of."""

    def count(self, conn: Connection, before_ms: int) -> int:
        """How many would go."""
        return conn.execute(
            select(func.count()).select_from(incidents).where(incidents.c.closed_ms < before_ms)
        ).scalar_one()

    def delete(self, conn: Connection, before_ms: int, now_ms: int) -> int:
        """Delete the first of them; how many."""
        parents = select(incidents.c.parent_id).where(incidents.c.parent_id.is_not(None))
        over = and_(incidents.c.closed_ms < before_ms, incidents.c.id.not_in(parents))
        ids = conn.execute(select(incidents.c.id).where(over).limit(BATCH)).scalars().all()
        self._delete_what_belongs_to(conn, ids)
        conn.execute(delete(incidents).where(incidents.c.id.in_(ids)))
        return len(ids)

    def _delete_what_belongs_to(self, conn: Connection, ids: Sequence[str]) -> None:
        pressed = select(presses.c.gateway, presses.c.event_id).where(presses.c.incident_id.in_(ids))
        for gateway, event_id in conn.execute(pressed).all():
            conn.execute(delete(events).where(events.c.gateway == gateway, events.c.event_id == event_id))
        keys = select(outbox.c.key).where(outbox.c.incident_id.in_(ids))
        for table in OF_NOTICE:
            conn.execute(delete(table).where(table.c.outbox_key.in_(keys)))
        conn.execute(delete(outbox).where(outbox.c.incident_id.in_(ids)))
        asked = select(asks.c.id).where(asks.c.incident_id.in_(ids))
        conn.execute(delete(answers).where(answers.c.ask.in_(asked)))
        for table in BELONGING:
            conn.execute(delete(table).where(table.c.incident_id.in_(ids)))


@dataclass(frozen=True, slots=True)
class Notices:
    """Notices about no incident, that are over, with their attempts."""

    def count(self, conn: Connection, before_ms: int) -> int:
        """How many would go."""
        return conn.execute(
            select(func.count()).select_from(outbox).where(self._over(before_ms))
        ).scalar_one()

    def delete(self, conn: Connection, before_ms: int, now_ms: int) -> int:
        """Delete the first of them; how many."""
        keys = conn.execute(select(outbox.c.key).where(self._over(before_ms)).limit(BATCH)).scalars().all()
        for table in OF_NOTICE:
            conn.execute(delete(table).where(table.c.outbox_key.in_(keys)))
        return conn.execute(delete(outbox).where(outbox.c.key.in_(keys))).rowcount

    def _over(self, before_ms: int) -> ColumnElement[bool]:
        return and_(outbox.c.incident_id.is_(None), outbox.c.finished_ms < before_ms)


@dataclass(frozen=True, slots=True)
class Commissionings:
    """Signed commissionings with photos and signature. A gateway's newest proves what stands there now, and stays."""

    def count(self, conn: Connection, before_ms: int) -> int:
        """How many would go."""
        return conn.execute(
            select(func.count()).select_from(commissionings).where(self._over(before_ms))
        ).scalar_one()

    def delete(self, conn: Connection, before_ms: int, now_ms: int) -> int:
        """Delete the first of them; how many."""
        some = select(commissionings.c.id).where(self._over(before_ms)).limit(BATCH)
        ids = conn.execute(some).scalars().all()
        for table in (photos, commissioning_entries):
            conn.execute(delete(table).where(table.c.commissioning_id.in_(ids)))
        return conn.execute(delete(commissionings).where(commissionings.c.id.in_(ids))).rowcount

    def _over(self, before_ms: int) -> ColumnElement[bool]:
        signed = select(func.max(commissionings.c.id)).where(commissionings.c.signed_ms.is_not(None))
        newest = signed.group_by(commissionings.c.gateway)
        return and_(commissionings.c.signed_ms < before_ms, commissionings.c.id.not_in(newest))


@dataclass(frozen=True, slots=True)
class Shifts:
    """Shifts that are over, with who took part and what they left."""

    def count(self, conn: Connection, before_ms: int) -> int:
        """How many would go."""
        over = shifts.c.ended_ms < before_ms
        return conn.execute(select(func.count()).select_from(shifts).where(over)).scalar_one()

    def delete(self, conn: Connection, before_ms: int, now_ms: int) -> int:
        """Delete the first of them; how many."""
        some = select(shifts.c.id).where(shifts.c.ended_ms < before_ms).limit(BATCH)
        ids = conn.execute(some).scalars().all()
        conn.execute(delete(shift_people).where(shift_people.c.shift_id.in_(ids)))
        return conn.execute(delete(shifts).where(shifts.c.id.in_(ids))).rowcount


@dataclass(frozen=True, slots=True)
class Trail:
    """The oldest rows of the audit trail. The row that tells of the cut holds the digest that the rest begins with."""

    def count(self, conn: Connection, before_ms: int) -> int:
        """How many would go."""
        return conn.execute(
            select(func.count()).select_from(audit).where(audit.c.at_ms < before_ms)
        ).scalar_one()

    def delete(self, conn: Connection, before_ms: int, now_ms: int) -> int:
        """Cut the first of them off; how many. Only what holds is cut: what was tampered with stays."""
        # Clocks go back at times: what is cut is a beginning, up to the first row that is to stay.
        first = select(audit).order_by(audit.c.n).limit(MOST_CUT)
        cut = list(takewhile(lambda row: row.at_ms < before_ms, conn.execute(first)))
        if not cut or trail.first_fault(conn, until=cut[-1].n) is not None:
            return 0
        last = cut[-1]
        detail = {"through": last.n, "digest": last.digest, "rows": len(cut)}
        trail.record(conn, "hub", CUT, "audit", detail, now_ms=now_ms)
        return conn.execute(delete(audit).where(audit.c.n <= last.n)).rowcount


def _events(before_ms: int, *, personal: bool) -> ColumnElement[bool]:
    kind = events.c.kind.in_(PERSONAL) if personal else events.c.kind.not_in(PERSONAL)
    return and_(events.c.lane == "event", kind, events.c.received_ms < before_ms)


BY_CLASS: Mapping[str, tuple[Kept, ...]] = {
    "events": (
        Part(events, lambda before_ms: _events(before_ms, personal=False)),
        Part(level_changes, lambda before_ms: level_changes.c.noted_ms < before_ms),
    ),
    "attendance": (Part(events, lambda before_ms: _events(before_ms, personal=True)),),
    "incidents": (
        Incidents(),
        Part(alarm_history, lambda before_ms: alarm_history.c.at_ms < before_ms),
        Part(cap_messages, lambda before_ms: cap_messages.c.expires_ms < before_ms),
        Shifts(),
        Part(shift_items, lambda before_ms: shift_items.c.done_ms < before_ms),
    ),
    "commissioning": (Commissionings(),),
    "audit": (Trail(),),
    "logs": (
        Part(dead_letters, lambda before_ms: dead_letters.c.last_ms < before_ms),
        Notices(),
        Part(texts_received, lambda before_ms: texts_received.c.received_ms < before_ms),
    ),
}
"""What is deleted in SQL. Samples go by the retention policy of InfluxDB (hub/retention/samples.py)."""
