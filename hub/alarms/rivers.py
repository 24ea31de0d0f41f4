"""The changes of the rivers in SQL: level_changes, their alarms and notices, and the engine's state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select

from hub.alarms import words
from hub.alarms.register import clear_alarm, raise_alarm
from hub.alarms.steps import Fingerprint
from hub.alarms.tables import level_changes, station_states
from hub.db import upsert
from hub.notify.outbox import Notice, channels_of, enqueue
from hub.notify.policy import Priority
from hub.region import Region
from hub.rules.model import NORMAL, Change, Skipped, StationState, siaga

_JUDGED = ["epoch", "seq", "t_ms", "at_ms", "value_mm", "rate_mm_h"]
_MOVED = [*_JUDGED, "skipped_epoch", "skipped_top_seq", "skipped_from_ms", "skipped_to_ms"]

NOTICE_FROM = 2
"""A worsening to this severity (Siaga 2) or above is told to the duty desk."""

RISE_SEVERITY = 1
"""A river that rises too fast is a warning of its own, below the levels that are told to the duty desk."""


def apply(conn: Connection, change: Change, now_ms: int, *, region: Region) -> None:
    """Write a change: its level_changes row, its alarm, and the notice to the duty desk if it worsened to Siaga 2
    or 1. Idempotent for a change that is already written. Wake the notify worker after the commit."""
    if change.kind == "level" and not _note(conn, change, now_ms):
        return
    if change.history:
        return
    fingerprint = Fingerprint(change.site, change.gateway, change.device, change.quantity, change.kind)
    if change.new == 0:
        clear_alarm(conn, fingerprint, now_ms=now_ms)
        alarm_id = 0
    else:
        raised = raise_alarm(
            conn,
            fingerprint,
            severity=change.new if change.kind == "level" else RISE_SEVERITY,
            now_ms=now_ms,
            t_ms=change.t_ms,
            delay_ms=change.age_ms,
            detail=_data(change),
        )
        alarm_id = raised.alarm_id
    if change.kind == "level" and change.worse and change.new >= NOTICE_FROM:
        _tell(conn, change, now_ms, region, alarm_id)
    _save_change(conn, change, now_ms)


def write_history(conn: Connection, changes: Iterable[Change], now_ms: int) -> int:
    """Write level changes that a history pass has found; how many were not known."""
    return sum(_note(conn, change, now_ms) for change in changes)


def level_before(conn: Connection, station: str, t_ms: int) -> int:
    """The severity of a station just before a time, by all changes known."""
    found = (
        select(level_changes.c.new_severity)
        .where(level_changes.c.station == station, level_changes.c.t_ms < t_ms)
        .order_by(level_changes.c.t_ms.desc(), level_changes.c.id.desc())
        .limit(1)
    )
    return conn.execute(found).scalar_one_or_none() or 0


def changes_since(conn: Connection, since_ms: int, station: str | None = None) -> list[dict[str, Any]]:
    """Level changes from a time on, oldest first; of one station or of all."""
    found = select(level_changes).where(level_changes.c.t_ms >= since_ms)
    if station is not None:
        found = found.where(level_changes.c.station == station)
    return [
        dict(row._mapping) for row in conn.execute(found.order_by(level_changes.c.t_ms, level_changes.c.id))
    ]


def save_states(conn: Connection, states: Iterable[StationState]) -> None:
    """Store the engine's states, every few seconds for those that moved. An older one than is stored is left out.

    The severity is not: only the change that moved it writes it, in the transaction of its alarm. So a hub that is
    killed before a change is on record finds the old severity again and judges the next record to the same change.
    """
    stored = {row.station: row for row in conn.execute(select(station_states))}
    for state in states:
        old = stored.get(state.station)
        if old is None or old.at_ms <= state.at_ms or (old.epoch, old.seq) == (state.epoch, state.seq):
            values = {**_row(state), "severity": NORMAL, "rising": False}
            upsert(conn, station_states, values, key=["station"], update=_MOVED)


def restore(conn: Connection) -> list[StationState]:
    """The states that the engine takes up at hub start, and that pages show."""
    found = []
    for row in conn.execute(select(station_states).order_by(station_states.c.station)):
        skipped = None
        if row.skipped_epoch is not None:
            skipped = Skipped(
                row.station, row.skipped_epoch, row.skipped_top_seq, row.skipped_from_ms, row.skipped_to_ms
            )
        found.append(
            StationState(
                station=row.station,
                severity=row.severity,
                rising=row.rising,
                epoch=row.epoch,
                seq=row.seq,
                t_ms=row.t_ms,
                at_ms=row.at_ms,
                value_mm=row.value_mm,
                rate_mm_h=row.rate_mm_h,
                skipped=skipped,
            )
        )
    return found


def _note(conn: Connection, change: Change, now_ms: int) -> bool:
    """Write the level_changes row; False where it is there."""
    same = (
        level_changes.c.station == change.station,
        level_changes.c.t_ms == change.t_ms,
        level_changes.c.new_severity == change.new,
    )
    if conn.execute(select(level_changes.c.id).where(*same)).first() is not None:
        return False
    conn.execute(
        insert(level_changes).values(
            station=change.station,
            t_ms=change.t_ms,
            old_severity=change.old,
            new_severity=change.new,
            value_mm=change.value_mm,
            rate_mm_h=change.rate_mm_h,
            next_ms=change.next_ms,
            history=change.history,
            gateway=change.gateway,
            epoch=change.epoch,
            seq=change.seq,
            noted_ms=now_ms,
        )
    )
    return True


def _tell(conn: Connection, change: Change, now_ms: int, region: Region, alarm_id: int) -> None:
    station = region.stations[change.station]
    desk = region.duty_desk
    notice = Notice(
        key=f"level/{change.station}/{change.epoch}/{change.seq}",
        desk=desk.id,
        channels=channels_of(desk),
        kind="level",
        subject=f"alarm/{alarm_id}",
        title=words.title(station, change),
        text=words.text(region, station, change),
        priority=Priority.CRITICAL if siaga(change.new) == 1 else Priority.HIGH,
        data=_data(change),
    )
    enqueue(conn, notice, now_ms=now_ms)


def _data(change: Change) -> dict[str, str | int | None]:
    return {
        "station": change.station,
        "kind": change.kind,
        "old": change.old,
        "new": change.new,
        "value_mm": change.value_mm,
        "t_ms": change.t_ms,
        "rate_mm_h": change.rate_mm_h,
        "next_ms": change.next_ms,
    }


def _save_change(conn: Connection, change: Change, now_ms: int) -> None:
    """The station's state with what this change moved, so that a hub that is killed now starts from it."""
    values = {
        "station": change.station,
        "severity": change.new if change.kind == "level" else NORMAL,
        "rising": change.kind == "rise" and bool(change.new),
        "epoch": change.epoch,
        "seq": change.seq,
        "t_ms": change.t_ms,
        "at_ms": now_ms - change.age_ms,
        "value_mm": change.value_mm,
        "rate_mm_h": change.rate_mm_h,
    }
    moved = "severity" if change.kind == "level" else "rising"
    upsert(conn, station_states, values, key=["station"], update=[moved, *_JUDGED])


def _row(state: StationState) -> dict[str, Any]:
    skipped = state.skipped
    return {
        "station": state.station,
        "epoch": state.epoch,
        "seq": state.seq,
        "t_ms": state.t_ms,
        "at_ms": state.at_ms,
        "value_mm": state.value_mm,
        "rate_mm_h": state.rate_mm_h,
        "skipped_epoch": skipped and skipped.epoch,
        "skipped_top_seq": skipped and skipped.top_seq,
        "skipped_from_ms": skipped and skipped.from_ms,
        "skipped_to_ms": skipped and skipped.to_ms,
    }
