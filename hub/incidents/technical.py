"""Events that tell of a fault in the equipment itself: which alarm each raises or clears, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Connection, select

from hub.alarms.service import Fingerprint, clear_alarm, raise_alarm
from hub.ingest.events import StoredEvent
from hub.ingest.tables import events
from hub.rules.model import LIVE_AGE_MS


@dataclass(frozen=True, slots=True)
class Fault:
    """What an event kind means.

    Attributes:
        condition: the alarm's condition.
        severity: 0..3, 3 the worst; None where the event clears the alarm.
        pair: the kinds that speak of the same condition; only the newest of them counts.
    """

    condition: str
    severity: int | None
    pair: tuple[str, ...]


_DOWN = ("device_down", "device_up")
_LINE = ("panic_fault", "panic_line_whole")

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "device_down": Fault("device_down", 1, _DOWN),
        "device_up": Fault("device_down", None, _DOWN),
        "panic_fault": Fault("panic_fault", 2, _LINE),
        "panic_line_whole": Fault("panic_fault", None, _LINE),
        "software_left_behind": Fault("software_left_behind", 1, ("software_left_behind",)),
        "spool_quarantined": Fault("spool_quarantined", 2, ("spool_quarantined",)),
        "spool_full": Fault("spool_full", 2, ("spool_full",)),
    }
)


def judge(conn: Connection, event: StoredEvent) -> None:
    """Raise or clear the alarm of a technical event.

    An event that came again after a restore, that is older than ten minutes or that a newer one has overtaken says
    nothing about now and changes nothing.
    """
    fault = FAULTS.get(event.kind)
    if fault is None or event.again or not _is_live(event) or _is_overtaken(conn, event, fault):
        return
    fingerprint = Fingerprint(
        site=event.site,
        gateway=event.gateway,
        device=event.device or event.gateway,
        point="",
        condition=fault.condition,
    )
    if fault.severity is None:
        clear_alarm(conn, fingerprint, now_ms=event.received_ms)
    else:
        raise_alarm(
            conn,
            fingerprint,
            severity=fault.severity,
            now_ms=event.received_ms,
            t_ms=event.t_ms,
            delay_ms=event.age_ms or 0,
            # What no event ever clears has happened anew, though somebody has seen the last time.
            rearm=len(fault.pair) == 1,
            detail=event.data,
        )


def _is_live(event: StoredEvent) -> bool:
    return event.age_ms is not None and event.age_ms <= LIVE_AGE_MS


def _is_overtaken(conn: Connection, event: StoredEvent, fault: Fault) -> bool:
    newer = select(events.c.id).where(
        events.c.gateway == event.gateway,
        events.c.epoch == event.epoch,
        events.c.lane == event.lane,
        events.c.seq > event.seq,
        events.c.device == event.device,
        events.c.kind.in_(fault.pair),
    )
    return conn.execute(newer.limit(1)).first() is not None
