"""Panic and event records to SQL, together with what they cause, in the caller's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection, bindparam, insert, select

from contract.kinds import PANIC_KINDS
from contract.ranges import Ranges
from hub.alarms.service import Fingerprint, raise_alarm
from hub.ingest import dead_letter, ledger
from hub.ingest.events import (
    AcceptedEvent,
    AcceptedEvents,
    Committed,
    Consequences,
    RefusedRecord,
    StoredEvent,
)
from hub.ingest.ledger import StreamKey
from hub.ingest.tables import events

COPIED_SEVERITY = 2
"""Severity (0..3) of the alarm of a cloned or restored card: until it is found, records of it may be missed."""

_LOOKED_UP_AT_ONCE = 500
"""Ids in one query; SQLite takes at most 32,766 parameters."""

# Built once: to build a statement costs several times what SQLite needs to run it.
_AT_KEYS = select(events.c.seq, events.c.hash).where(
    events.c.gateway == bindparam("gateway"),
    events.c.epoch == bindparam("epoch"),
    events.c.lane == bindparam("lane"),
    events.c.seq.between(bindparam("first"), bindparam("last")),
)
_OF_IDS = (
    select(events.c.id, events.c.event_id, events.c.hash)
    .where(events.c.gateway == bindparam("gateway"), events.c.event_id.in_(bindparam("ids", expanding=True)))
    .order_by(events.c.id)
)
_ADD = insert(events)


def commit_events(
    conn: Connection,
    frame: AcceptedEvents,
    *,
    now_ms: int,
    consequences: Consequences,
    settles: bool = True,
) -> Committed:
    """Store every record of the frame once, its refusals as dead letters, its ranges in the ledger.

    Idempotent: the same frame again gives the same ranges and no consequence.

    Args:
        settles: False for a copy by the second path, which is in nobody's ledger.
    """
    stored = _Rows(conn, frame)
    new: list[StoredEvent] = []
    duplicates = copies = conflicts = 0
    new_epoch = False
    for record in frame.records:
        digest = hashlib.sha256(record.raw).hexdigest()
        beside = stored.at(record.seq)
        if digest in beside:
            duplicates += 1
            new_epoch |= len(beside) > 1
            continue
        conflict = bool(beside)
        conflicts += conflict
        new_epoch |= conflict
        event_id = record.event_id
        first = stored.of(event_id)
        if first is not None and first.digest != digest:
            # One id and two bodies are two happenings: a press must not vanish behind another one.
            conflict = True
            event_id = _own_id(frame, record)
            first = stored.of(event_id)
        copy_of = first.row_id if first is not None else None
        event = stored.add(record, event_id, digest, conflict=conflict, copy_of=copy_of)
        if copy_of is not None:
            copies += 1
            continue
        new.append(event)
        if frame.lane == "panic" or event.kind in PANIC_KINDS:
            consequences.panic(conn, event)
        else:
            consequences.event(conn, event)
    if conflicts:
        copied = Fingerprint(frame.site, frame.gateway, frame.gateway, "", "copied_card")
        detail = {"lane": frame.lane, "epoch": frame.epoch}
        raise_alarm(conn, copied, severity=COPIED_SEVERITY, now_ms=now_ms, rearm=True, detail=detail)
    refused = tuple(refused_ranges(frame.refused))
    ranges = Ranges((record.seq, record.seq) for record in frame.records).pairs()
    if not settles:
        return Committed(ranges, refused, tuple(new), duplicates, copies, conflicts, new_epoch)
    dead_letter.keep_refused(conn, frame.gateway, frame.epoch, frame.lane, frame.refused, now_ms=now_ms)
    ledger.note_frame(
        conn,
        StreamKey(frame.gateway, frame.epoch, frame.lane),
        committed=ranges,
        refused=[(first_seq, last_seq) for first_seq, last_seq, _ in refused],
        now_ms=now_ms,
    )
    return Committed(ranges, refused, tuple(new), duplicates, copies, conflicts, new_epoch)


def refused_ranges(records: Iterable[RefusedRecord]) -> Iterable[tuple[int, int, str]]:
    """Refused records as (first, last, reason), neighbours of one reason together."""
    ordered = sorted(records, key=lambda record: record.seq)
    if not ordered:
        return
    first = ordered[0].seq
    for one, following in pairwise(ordered):
        if following.seq != one.seq + 1 or following.reason != one.reason:
            yield first, one.seq, one.reason
            first = following.seq
    yield first, ordered[-1].seq, ordered[-1].reason


def _own_id(frame: AcceptedEvents, record: AcceptedEvent) -> str:
    key = f"{frame.gateway}/{record.event_id}/".encode()
    return hashlib.sha256(key + record.raw).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _First:
    """The first row of an event."""

    row_id: int
    digest: str


class _Rows:
    """The rows of ``events`` that a frame may meet: at its keys, and with its event ids."""

    def __init__(self, conn: Connection, frame: AcceptedEvents) -> None:
        self._conn = conn
        self._frame = frame
        self._at: dict[int, set[str]] = {}
        self._first: dict[str, _First] = {}
        key = {
            "gateway": frame.gateway,
            "epoch": frame.epoch,
            "lane": frame.lane,
            "first": frame.first,
            "last": frame.last,
        }
        for row in conn.execute(_AT_KEYS, key):
            self._at.setdefault(row.seq, set()).add(row.hash)
        self._known: set[str] = set()
        self._look_up({record.event_id for record in frame.records})

    def _look_up(self, ids: set[str]) -> None:
        self._known |= ids
        ordered = sorted(ids)
        for start in range(0, len(ordered), _LOOKED_UP_AT_ONCE):
            some = {"gateway": self._frame.gateway, "ids": ordered[start : start + _LOOKED_UP_AT_ONCE]}
            for row in self._conn.execute(_OF_IDS, some):
                self._first.setdefault(row.event_id, _First(row.id, row.hash))

    def at(self, seq: int) -> set[str]:
        """Digests of the bodies stored under that key."""
        return self._at.get(seq, set())

    def of(self, event_id: str) -> _First | None:
        """The first row of that event, whatever its key."""
        if event_id not in self._known:
            self._look_up({event_id})
        return self._first.get(event_id)

    def add(
        self, record: AcceptedEvent, event_id: str, digest: str, *, conflict: bool, copy_of: int | None
    ) -> StoredEvent:
        frame = self._frame
        result = self._conn.execute(
            _ADD,
            {
                "gateway": frame.gateway,
                "cell": frame.cell,
                "site": frame.site,
                "epoch": frame.epoch,
                "lane": frame.lane,
                "seq": record.seq,
                "hash": digest,
                "body": record.raw,
                "event_id": event_id,
                "kind": record.kind,
                "device": record.device,
                "boot": frame.boot,
                "t_ms": record.t_ms,
                "error_ms": record.error_ms,
                "received_ms": frame.received_ms,
                "age_ms": record.age_ms,
                "again": frame.again,
                "conflict": conflict,
                "malformed": record.malformed,
                "copy_of": copy_of,
            },
        )
        assert result.inserted_primary_key is not None
        row_id: int = result.inserted_primary_key[0]
        self._at.setdefault(record.seq, set()).add(digest)
        self._first.setdefault(event_id, _First(row_id, digest))
        return StoredEvent(
            row_id=row_id,
            gateway=frame.gateway,
            cell=frame.cell,
            site=frame.site,
            epoch=frame.epoch,
            lane=frame.lane,
            seq=record.seq,
            event_id=event_id,
            kind=record.kind,
            device=record.device,
            data=record.data,
            t_ms=record.t_ms,
            error_ms=record.error_ms,
            received_ms=frame.received_ms,
            age_ms=record.age_ms,
            again=frame.again,
            conflict=conflict,
            malformed=record.malformed,
            raw=record.raw,
        )
