"""Erasing a person: every scan under a pseudonym goes, and stays gone.

A gateway may bring a scan again that it still keeps, and a restored backup brings all back. So an erasure is a row of
the audit trail, with a digest of the pseudonym and not the pseudonym, and a line in the file away from the store where
the trail's heads are noted; at each pass all of them are applied again. What the person's reader tells after the
erasure is new: a person who comes back to work is there again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select

from contract.codec import decode_body
from contract.errors import DecodeError
from hub.api import audit as trail
from hub.api.tables import audit
from hub.db import Database
from hub.ingest.reads import PERSONAL
from hub.ingest.tables import events

ERASED = "attendance.erase"
"""Action of the row that tells of an erasure; its subject is ``Person.subject``."""

ROWS_AT_ONCE = 1000

Noted = Mapping[str, Any]
"""A line of the file away from the store: of an erasure it has ``erased``, the subject, and ``at_ms``."""


class Swept(NamedTuple):
    """How many scans were of people who were erased, and the id of the last row that was looked at."""

    scans: int
    above: int


class _Looked(NamedTuple):
    ids: list[int]
    last: int | None


@dataclass(frozen=True, slots=True)
class Person:
    """A pseudonym, and the key that made it."""

    key: str
    who: str

    @property
    def subject(self) -> str:
        """What stands for the person in the trail: nobody finds the pseudonym by it who does not know it."""
        return hashlib.sha256(f"siaga erased 1\0{self.key}\0{self.who}".encode()).hexdigest()


def record(conn: Connection, person: Person, scans: int, *, actor: str, reason: str, now_ms: int) -> None:
    """Put an erasure on record. From here on it is applied again whatever comes back."""
    detail: dict[str, trail.Scalar] = {"reason": reason, "scans": scans}
    trail.record(conn, actor, ERASED, person.subject, detail, now_ms=now_ms)


def on_record(conn: Connection) -> dict[str, int]:
    """Subject of every erasure that the trail tells of, and up to which time it holds."""
    query = select(audit.c.subject, audit.c.at_ms, audit.c.detail).where(audit.c.action == ERASED)
    rows = conn.execute(query.order_by(audit.c.n))
    return {row.subject: int(json.loads(row.detail).get("until_ms", row.at_ms)) for row in rows}


def restore(conn: Connection, noted: Iterable[Noted], *, now_ms: int) -> int:
    """Put on record what was noted elsewhere and a restored backup has lost; how many."""
    known = on_record(conn)
    lost = [one for one in noted if "erased" in one and one["erased"] not in known]
    for one in lost:
        detail: dict[str, trail.Scalar] = {"reason": "restored", "until_ms": int(one["at_ms"])}
        trail.record(conn, "hub", ERASED, str(one["erased"]), detail, now_ms=now_ms)
    return len(lost)


async def sweep(db: Database, erasures: Mapping[str, int], *, above: int = 0, dry: bool = False) -> Swept:
    """Delete the scans of these people, a few rows a transaction. Idempotent.

    Args:
        above: id of the last row that was looked at before; what is up to it is not read again.
        dry: only count.
    """
    count = 0
    while erasures:
        looked = await db.read(partial(_look, erasures=erasures, above=above))
        if looked.last is None:
            break
        above = looked.last
        count += len(looked.ids)
        if looked.ids and not dry:
            await db.write(partial(_delete, ids=looked.ids))
        await asyncio.sleep(0)
    return Swept(count, above)


def _look(conn: Connection, erasures: Mapping[str, int], above: int) -> _Looked:
    query = select(events.c.id, events.c.body, events.c.received_ms)
    query = query.where(events.c.kind.in_(PERSONAL), events.c.id > above).order_by(events.c.id)
    rows = conn.execute(query.limit(ROWS_AT_ONCE)).all()
    found = [row.id for row in rows if _is_of(row.body, row.received_ms, erasures)]
    return _Looked(found, rows[-1].id if rows else None)


def _delete(conn: Connection, ids: Sequence[int]) -> None:
    if conn.dialect.name == "sqlite":
        # What is deleted is overwritten, else it can be read from the file until its page is used again.
        conn.exec_driver_sql("PRAGMA secure_delete=ON")
    conn.execute(delete(events).where(events.c.id.in_(ids)))


def _is_of(body: bytes, received_ms: int, erasures: Mapping[str, int]) -> bool:
    try:
        data = decode_body(body).data
    except DecodeError:
        return False
    until_ms = erasures.get(Person(str(data.get("key")), str(data.get("who"))).subject)
    scanned = data.get("at_ms")
    return until_ms is not None and (scanned if isinstance(scanned, int) else received_ms) <= until_ms
