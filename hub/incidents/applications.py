"""Presses of applications: a citizen's telephone instead of a button on a wall, with its position.

They are presses like others: unverified until a person has rung back, one open incident for each sender, told to the
duty desk, an alarm. Only where they come from, and where it is, the application says itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, select

from hub.incidents.kinds import Kind
from hub.incidents.service import Incidents, Origin
from hub.incidents.tables import presses
from hub.ingest.events import StoredEvent

SENDER_CHARS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPress:
    """What an application says of a press.

    Attributes:
        id: the application's own, unique there for all time.
        sender: whose telephone; the application's own name for it. Only a hash of it is kept.
        happened_ms: when, by the telephone's clock; None where it does not say.
        lat, lon, error_m: degrees, and how far off in metres.
        name, phone: who it is, as they say; empty where they do not.
    """

    id: str
    sender: str
    kind: Kind
    lat: float
    lon: float
    error_m: float
    happened_ms: int | None = None
    name: str = ""
    phone: str = ""
    note: str = ""


def take(
    conn: Connection, service: Incidents, application: str, press: AppPress, *, now_ms: int
) -> tuple[str, bool]:
    """Take a press; its incident's id, and whether it is new. The same press again is the same one."""
    gateway = f"app:{application}"
    query = select(presses.c.incident_id).where(
        presses.c.gateway == gateway, presses.c.event_id == _short(press.id)
    )
    known = conn.execute(query).scalar()
    if known is not None:
        return str(known), False
    where = f"{press.lat:.5f}, {press.lon:.5f} (± {press.error_m:.0f} m)"
    origin = Origin(
        button=f"Aplikasi {application} / application",
        place=where,
        call_back=press.phone,
        lat=press.lat,
        lon=press.lon,
        by="app",
        kind=press.kind,
        caller=", ".join(filter(None, (press.name, press.phone))),
        description=press.note,
        error_m=press.error_m,
    )
    service.press(conn, _event(gateway, press, now_ms), origin)
    return str(conn.execute(query).scalar_one()), True


def _event(gateway: str, press: AppPress, now_ms: int) -> StoredEvent:
    """The press as the incidents know presses. It is in no table of events: no gateway has recorded it."""
    happened_ms = press.happened_ms
    return StoredEvent(
        row_id=0,
        gateway=gateway,
        cell=0,
        site="",
        epoch="",
        lane="panic",
        seq=0,
        event_id=_short(press.id),
        kind="panic_press",
        device=_short(press.sender),
        data={},
        t_ms=happened_ms,
        error_ms=0,
        received_ms=now_ms,
        age_ms=None if happened_ms is None else max(0, now_ms - happened_ms),
        again=False,
        conflict=False,
        malformed=False,
        raw=b"",
    )


def _short(name: str) -> str:
    """What stands for a name of somebody else's making: of one length, and not the name itself."""
    return hashlib.sha256(name.encode()).hexdigest()[:SENDER_CHARS]
