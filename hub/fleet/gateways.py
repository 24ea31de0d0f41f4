"""What is on record of each gateway: its last word, its silences, its ring; and the lines that people see.

Every function is part of the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from contract.messages import Beat, State
from contract.topics import WATCH, WATCH_CELL
from hub.alarms.service import Fingerprint, clear_alarm, raise_alarm
from hub.fleet.tables import gateways, silences
from hub.ingest import ledger
from hub.ingest.accept import Registered
from hub.ingest.tables import events
from hub.region import Region

RING_H = 72.0
"""Settled panics and events stay on the gateway for this many hours."""

RING_SLACK_H = 2.0
"""The gateway prunes by the hour; a ring is short only beyond this."""

HOUR_MS = 3_600_000
WATCH_BEAT_S = 60.0
"""It sends no beats, and nobody asks for them."""
SILENT_SEVERITY = 2
RING_SEVERITY = 1


# Built once: to build a statement costs several times what SQLite needs to run it.
_LAST_BEAT = select(gateways.c.beat).where(gateways.c.gateway == bindparam("which"))
_SET = update(gateways).where(gateways.c.gateway == bindparam("which"))
_OLDEST = select(func.min(events.c.received_ms)).where(
    events.c.gateway == bindparam("which"),
    events.c.epoch.in_(bindparam("epochs", expanding=True)),
    events.c.received_ms > bindparam("since_ms"),
)


def registry(region: Region) -> dict[str, Registered]:
    """The gateways of a region as ingest knows them."""
    return {
        gateway.id: Registered(gateway.id, gateway.cell, gateway.site, gateway.beat_s)
        for gateway in region.gateways.values()
    }


def speaking(region: Region) -> dict[str, Registered]:
    """Those and the watch, whose presses are heard like theirs and are no gateway's."""
    return {**registry(region), WATCH: Registered(WATCH, WATCH_CELL, "", WATCH_BEAT_S)}


def note_state(conn: Connection, gateway: str, state: State, *, now_ms: int, retained: bool) -> None:
    """A birth or a will. A retained one says how things were when the hub came; it is no word of now."""
    if not state.online:
        # The will of an earlier connection may come after the birth of the current one.
        current = gateways.c.connection.in_((state.connection, ""))
        conn.execute(update(gateways).where(gateways.c.gateway == gateway, current).values(online=False))
        return
    values: dict[str, Any] = {
        "online": True,
        "connection": state.connection,
        "boot": state.boot,
        "interval_s": state.interval_s,
        "software": state.software,
        "config": state.config,
    }
    if not retained:
        values["last_ms"] = now_ms
    _set(conn, gateway, values, now_ms)


def is_old(conn: Connection, gateway: str, beat: Beat) -> bool:
    """Whether the beat was sent before the last one noted, and came late; it says nothing of now."""
    text = conn.execute(_LAST_BEAT, {"which": gateway}).scalar()
    if text is None:
        return False
    last = msgspec.json.decode(text, type=Beat)
    return last.boot == beat.boot and beat.mono_ms < last.mono_ms


def note_beat(conn: Connection, gateway: str, beat: Beat, *, now_ms: int) -> None:
    """A heartbeat, kept whole until the next."""
    values = {
        "last_ms": now_ms,
        "online": True,
        "boot": beat.boot,
        "interval_s": beat.interval_s,
        "software": beat.software,
        "config": beat.config,
        "clock": beat.clock,
        "ring_h": beat.ring_h,
        "beat": msgspec.json.encode(beat).decode(),
    }
    _set(conn, gateway, values, now_ms)


def _set(conn: Connection, gateway: str, values: Mapping[str, Any], now_ms: int) -> None:
    known = conn.execute(_SET, {"which": gateway, **values})
    if known.rowcount == 0:
        unknown = {
            "online": False,
            "connection": "",
            "boot": "",
            "interval_s": 10.0,
            "software": "",
            "config": "",
            "clock": "unknown",
            "first_ms": now_ms,
            "last_ms": now_ms,
        }
        conn.execute(insert(gateways), {"gateway": gateway, **unknown, **values})


def fall_silent(
    conn: Connection, known: Registered, *, since_ms: int | None, reason: str, now_ms: int
) -> None:
    """A gateway is silent: an alarm, and the silence on record. Idempotent.

    Args:
        since_ms: hub time of its last word; None where only the record knows.
    """
    row = conn.execute(
        select(gateways.c.silent_since_ms, gateways.c.last_ms).where(gateways.c.gateway == known.gateway)
    ).one_or_none()
    if row is not None and row.silent_since_ms is not None:
        return
    if since_ms is None:
        since_ms = now_ms if row is None else row.last_ms
    _set(conn, known.gateway, {"silent_since_ms": since_ms, "online": False}, now_ms)
    conn.execute(
        insert(silences).values(gateway=known.gateway, since_ms=since_ms, found_ms=now_ms, reason=reason)
    )
    raise_alarm(
        conn,
        _fingerprint(known, "silent"),
        severity=SILENT_SEVERITY,
        now_ms=now_ms,
        t_ms=since_ms,
        delay_ms=now_ms - since_ms,
        detail={"reason": reason},
    )


def speak_again(conn: Connection, known: Registered, *, now_ms: int) -> None:
    """A silent gateway was heard: the silence is over, and its alarm. Idempotent."""
    _set(conn, known.gateway, {"silent_since_ms": None}, now_ms)
    conn.execute(
        update(silences)
        .where(silences.c.gateway == known.gateway, silences.c.until_ms.is_(None))
        .values(until_ms=now_ms)
    )
    clear_alarm(conn, _fingerprint(known, "silent"), now_ms=now_ms)


def judge_ring(conn: Connection, known: Registered, beat: Beat, *, now_ms: int) -> None:
    """An alarm where the gateway no longer holds what it would have to send again after a restore.

    A gateway that has nothing settled, or runs for less than 72 h, has a short ring and lacks nothing. So the hub
    looks for the oldest record of those hours that it has of the gateway's present epochs: the ring must reach it.
    """
    if beat.ring_h < RING_H and _oldest_age_h(conn, known, beat, now_ms) > beat.ring_h + RING_SLACK_H:
        raise_alarm(
            conn,
            _fingerprint(known, "ring"),
            severity=RING_SEVERITY,
            now_ms=now_ms,
            detail={"ring_h": beat.ring_h},
        )
    else:
        clear_alarm(conn, _fingerprint(known, "ring"), now_ms=now_ms)


def _oldest_age_h(conn: Connection, known: Registered, beat: Beat, now_ms: int) -> float:
    epochs = [account.epoch for lane, account in beat.lanes.items() if lane != "telemetry"]
    since = {"which": known.gateway, "epochs": epochs, "since_ms": round(now_ms - RING_H * HOUR_MS)}
    oldest_ms = conn.execute(_OLDEST, since).scalar()
    return 0.0 if oldest_ms is None else (now_ms - oldest_ms) / HOUR_MS


def _fingerprint(known: Registered, condition: str) -> Fingerprint:
    return Fingerprint(known.site, known.gateway, known.gateway, "", condition)


def on_record(conn: Connection) -> Sequence[Any]:
    """Every gateway that was ever heard: gateway, interval_s, silent_since_ms."""
    query = select(gateways.c.gateway, gateways.c.interval_s, gateways.c.silent_since_ms)
    return conn.execute(query).all()


def overview(
    conn: Connection,
    known: Iterable[Registered],
    revoked: Container[str] = (),
    floods: Mapping[str, Sequence[Mapping[str, Any]]] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """One mapping a gateway of the registry, heard or not: its last word, and its records in numbers.

    ``accepted`` is what the gateway has promised; each of these is ``committed``, ``on_way``, ``refused`` or
    ``lost``. Times are hub time; None where it was never heard.

    Args:
        revoked: gateways that are trusted no more.
        floods: what gateways send beyond their quota, a mapping for each lane.
    """
    rows = {row.gateway: row for row in conn.execute(select(gateways))}
    lines = ledger.lines(conn)
    found = []
    for one in known:
        row = rows.get(one.gateway)
        lanes = lines.get(one.gateway, {})
        total = ledger.total(lanes.values())
        found.append(
            {
                "gateway": one.gateway,
                "cell": one.cell,
                "site": one.site,
                "heard": row is not None,
                "revoked": one.gateway in revoked,
                "over_quota": list(floods.get(one.gateway, ())),
                "online": row is not None and row.online,
                "silent": row is not None and row.silent_since_ms is not None,
                "silent_since_ms": row and row.silent_since_ms,
                "first_ms": row and row.first_ms,
                "last_ms": row and row.last_ms,
                "interval_s": row.interval_s if row else one.interval_s,
                "software": row.software if row else "",
                "config": row.config if row else "",
                "clock": row.clock if row else "unknown",
                "ring_h": row and row.ring_h,
                "health": _health(row),
                **asdict(total),
                "lanes": {lane: asdict(line) for lane, line in lanes.items()},
            }
        )
    return found


def _health(row: Row[Any] | None) -> dict[str, Any]:
    """What the last beat says of the board and the card."""
    if row is None or row.beat is None:
        return {}
    beat = msgspec.json.decode(row.beat, type=Beat)
    return {
        "spool_bytes": beat.spool_bytes,
        "disk_free_bytes": beat.disk_free_bytes,
        "cpu_c": beat.cpu_c,
        "under_voltage": beat.under_voltage,
        "time_error_ms": beat.time_error_ms,
        "undecodable": beat.undecodable,
        "devices_down": list(beat.devices_down),
        "oldest_age_ms": {lane: account.oldest_age_ms for lane, account in beat.lanes.items()},
    }
