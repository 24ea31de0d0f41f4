"""Dead letters: what the hub did not take, with its reason. One that comes again is counted, not kept twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from contract.topics import Lane
from hub.ingest.accept import Dead
from hub.ingest.events import RefusedRecord
from hub.ingest.tables import dead_letters

WHOLE_BYTES = 4096
"""So much of a message that could not be read is kept."""


def keep_whole(conn: Connection, dead: Dead, *, now_ms: int) -> None:
    """Keep a message that could not be trusted or read. It gets no receipt."""
    digest = hashlib.sha256(f"{dead.topic}\n{dead.reason}\n".encode("utf-8", "replace") + dead.payload)
    _keep(
        conn,
        digest.hexdigest(),
        now_ms,
        gateway=dead.gateway,
        topic=_text(dead.topic),
        reason=dead.reason,
        detail=_text(dead.detail),
        payload=dead.payload[:WHOLE_BYTES],
    )


def keep_refused(
    conn: Connection,
    gateway: str,
    epoch: str,
    lane: Lane,
    records: Iterable[RefusedRecord],
    *,
    now_ms: int,
) -> None:
    """Keep records that will not be taken. Their refusal may be sent when this is committed."""
    for record in records:
        digest = hashlib.sha256(f"{gateway}/{epoch}/{lane}/{record.seq}\n".encode() + record.raw)
        _keep(
            conn,
            digest.hexdigest(),
            now_ms,
            gateway=gateway,
            topic="",
            epoch=epoch,
            lane=lane,
            seq=record.seq,
            reason=record.reason[:64],
            detail="",
            payload=record.raw,
        )


def _keep(conn: Connection, key: str, now_ms: int, **values: Any) -> None:
    again = (
        update(dead_letters)
        .where(dead_letters.c.key == key)
        .values(times=dead_letters.c.times + 1, last_ms=now_ms)
    )
    if conn.execute(again).rowcount == 0:
        conn.execute(insert(dead_letters).values(key=key, times=1, first_ms=now_ms, last_ms=now_ms, **values))


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def prune(conn: Connection, *, most: int) -> int:
    """Forget the oldest unreadable messages beyond that many; return how many. Refused records stay."""
    whole = dead_letters.c.seq.is_(None)
    edge = conn.execute(
        select(dead_letters.c.id).where(whole).order_by(dead_letters.c.id.desc()).offset(most).limit(1)
    ).scalar()
    if edge is None:
        return 0
    return conn.execute(delete(dead_letters).where(whole, dead_letters.c.id <= edge)).rowcount


def count(conn: Connection) -> dict[str, int]:
    """How many letters there are, by reason."""
    rows = conn.execute(select(dead_letters.c.reason, func.count()).group_by(dead_letters.c.reason))
    return {reason: int(number) for reason, number in rows}
