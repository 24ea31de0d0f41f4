"""Incidents in SQL: made by presses, moved on by people. Each function is part of the caller's transaction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from hub.alarms.service import Fingerprint, clear_alarm, raise_alarm
from hub.escalation import register as escalation
from hub.incidents import kinds, opening, timeline
from hub.incidents.machine import OPEN
from hub.incidents.tables import incidents, presses
from hub.incidents.technical import judge
from hub.incidents.timeline import HUB, Actor
from hub.incidents.words import Press, text, title
from hub.ingest.events import StoredEvent
from hub.notify import outbox
from hub.notify.policy import Priority
from hub.region import Region

TOGETHER_MS = 60_000
"""Presses of two buttons of a site within this time raise each other's priority."""

PANIC_SEVERITY = 3
"""Severity (0..3) of the alarm of a press."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a press came from: of a button in the words of the region profile, else as its sender says."""

    button: str
    place: str
    call_back: str
    lat: float | None = None
    lon: float | None = None
    by: kinds.Origin = "gateway"
    kind: kinds.Kind = "panic"
    caller: str = ""
    description: str = ""
    error_m: float | None = None


class Incidents:
    """What events cause: the ``Consequences`` of the hub's commit."""

    def __init__(self, region: Region) -> None:
        self._region = region

    def panic(self, conn: Connection, event: StoredEvent) -> None:
        """A press: it joins the open incident of its button or opens an unverified one, with alarm and notice.

        A press that comes again after a restore opens a ``recovered`` incident instead: it raises nothing, and its
        notice waits for a person. An event that is in an incident already changes nothing.
        """
        self.press(conn, event, self._origin(event))

    def press(self, conn: Connection, event: StoredEvent, origin: Origin) -> None:
        """A press whose origin is known, as ``panic`` has it."""
        if _is_known(conn, event):
            return
        delay_ms = _delay_ms(event)
        found = _open_incident(conn, event)
        incident_id = found.id if found is not None else _open(conn, event, origin, delay_ms)
        came_ms = _came_ms(found, event)
        _link(conn, incident_id, event, delay_ms, came_ms)
        together = _pressed_together(conn, event, incident_id)
        raised = together and _raise_priority(conn, incident_id, event.received_ms, together)
        if not event.again:
            _raise_panic_alarm(conn, incident_id, event, delay_ms)
        tell = partial(
            self._tell, conn, incident_id, event=event, origin=origin, delay_ms=delay_ms, together=together
        )
        if found is None:
            tell(f"panic/{incident_id}")
        else:
            _join(conn, found, event, delay_ms, came_ms)
        if found is not None and not event.again:
            if found.recovered and _is_first_live(conn, incident_id):
                if found.state == "recovered":
                    _revive(conn, found, event)
                tell(f"panic/{incident_id}/live", revived=True)
            elif raised:
                tell(f"panic/{incident_id}/together")
        escalation.settle(conn, incident_id, now_ms=event.received_ms)

    def event(self, conn: Connection, event: StoredEvent) -> None:
        """An event of the event lane: technical alarms of buttons and gateways; all else is only stored."""
        judge(conn, event)

    def release(self, conn: Connection, incident_id: str, *, now_ms: int) -> int:
        """Let the held notices of a recovered incident go out, and raise its alarm; how many notices went."""
        row = conn.execute(select(incidents).where(incidents.c.id == incident_id)).one()
        raised = raise_alarm(
            conn,
            _fingerprint(row.site, row.gateway, row.device),
            severity=PANIC_SEVERITY,
            now_ms=now_ms,
            t_ms=row.happened_ms,
            delay_ms=row.delay_ms or 0,
            rearm=True,
            detail={"incident": incident_id, "recovered": True},
        )
        conn.execute(update(incidents).where(incidents.c.id == incident_id).values(alarm_id=raised.alarm_id))
        return outbox.release(conn, outbox.held_of(conn, incident_id), now_ms=now_ms)

    def _origin(self, event: StoredEvent) -> Origin:
        site = self._region.sites.get(event.site)
        where = site.name if site is not None else event.site
        position = (None, None) if site is None else (site.lat, site.lon)
        button = self._region.button_at(event.gateway, event.device)
        if button is None:
            unknown = event.device or event.gateway
            return Origin(
                f"Tombol darurat tidak terdaftar ({unknown}) / unregistered button", where, "", *position
            )
        return Origin(button.name, f"{where}, {button.location}", button.call_back, *position)

    def _tell(
        self,
        conn: Connection,
        incident_id: str,
        key: str,
        *,
        event: StoredEvent,
        origin: Origin,
        delay_ms: int | None,
        together: list[str],
        revived: bool = False,
    ) -> None:
        incident = conn.execute(select(incidents).where(incidents.c.id == incident_id)).one()
        press = Press(
            number=incident.number,
            button=origin.button,
            place=origin.place,
            call_back=origin.call_back,
            happened_ms=event.t_ms,
            error_ms=event.error_ms,
            delay_ms=delay_ms,
            also=together,
            revived=revived,
        )
        desk = self._region.duty_desk
        outbox.enqueue(
            conn,
            outbox.Notice(
                key=key,
                desk=desk.id,
                channels=outbox.channels_of(desk),
                kind="panic",
                subject=incident_id,
                title=title(press),
                text=text(self._region, press),
                priority=Priority(incident.priority),
                incident_id=incident_id,
                held="recovered" if event.again else "",
                data={
                    "verified": False,
                    "incident": incident_id,
                    "number": incident.number,
                    "event_id": event.event_id,
                    "gateway": event.gateway,
                    "device": event.device,
                    "site": event.site,
                    "happened_ms": event.t_ms,
                    "error_ms": event.error_ms,
                    "received_ms": event.received_ms,
                    "delay_ms": delay_ms,
                    "recovered": event.again,
                },
            ),
            now_ms=event.received_ms,
        )


def close_panic_alarm(conn: Connection, incident_id: str, *, now_ms: int) -> None:
    """The incident is closed: its alarm is over, unless another open incident of the button needs it."""
    row = conn.execute(select(incidents).where(incidents.c.id == incident_id)).one()
    others = select(incidents.c.id).where(
        incidents.c.gateway == row.gateway,
        incidents.c.device == row.device,
        incidents.c.state.in_(OPEN),
        incidents.c.id != incident_id,
    )
    if conn.execute(others.limit(1)).first() is None:
        clear_alarm(
            conn, _fingerprint(row.site, row.gateway, row.device), now_ms=now_ms, note="incident closed"
        )


def incident_id_of(event: StoredEvent) -> str:
    """The id of the incident that this event opens, if it opens one: the same at every hub that hears of it."""
    return hashlib.sha256(f"{event.gateway}/{event.event_id}".encode()).hexdigest()[:24]


def _is_known(conn: Connection, event: StoredEvent) -> bool:
    known = select(presses.c.event_id).where(
        presses.c.gateway == event.gateway, presses.c.event_id == event.event_id
    )
    return conn.execute(known).first() is not None


def _delay_ms(event: StoredEvent) -> int | None:
    """How late the hub hears of it; None where nobody can know, whatever time a clock that was wrong has given it."""
    return None if event.age_ms is None else max(event.age_ms, 0)


def _open_incident(conn: Connection, event: StoredEvent) -> Row[Any] | None:
    """The button's open incident; the newest that people work on before one that was only recovered."""
    return conn.execute(
        select(incidents)
        .where(
            incidents.c.gateway == event.gateway,
            incidents.c.device == event.device,
            incidents.c.state.in_(OPEN),
        )
        .order_by(incidents.c.state == "recovered", incidents.c.number.desc())
        .limit(1)
    ).one_or_none()


def _open(conn: Connection, event: StoredEvent, origin: Origin, delay_ms: int | None) -> str:
    new = opening.Opening(
        id=incident_id_of(event),
        kind=origin.kind,
        state="recovered" if event.again else "unverified",
        origin=origin.by,
        title=origin.button,
        place=origin.place,
        opened_ms=event.received_ms,
        site=event.site,
        gateway=event.gateway,
        device=event.device,
        call_back=origin.call_back,
        caller=origin.caller,
        description=origin.description,
        lat=origin.lat,
        lon=origin.lon,
        error_m=origin.error_m,
        happened_ms=event.t_ms,
        error_ms=event.error_ms,
        delay_ms=delay_ms,
        recovered=event.again,
        presses=1,
    )
    actor = Actor(event.gateway, origin.by)
    opening.write(conn, new, actor=actor, data=_told(event, delay_ms))
    return new.id


def _told(event: StoredEvent, delay_ms: int | None) -> dict[str, str | int | float | bool | None]:
    return {
        "event_id": event.event_id,
        "happened_ms": event.t_ms,
        "error_ms": event.error_ms,
        "delay_ms": delay_ms,
        "again": event.again,
        "conflict": event.conflict,
        "malformed": event.malformed,
    }


def _came_ms(found: Row[Any] | None, event: StoredEvent) -> int:
    """When the press comes to its incident: after every press and acknowledgement that was there before it.

    It may have been received while somebody acknowledged the one before, or after the clock was set back; nobody has
    seen it for that.
    """
    if found is None:
        return event.received_ms
    there_ms: int = max(found.last_press_ms, found.acknowledged_ms or 0)
    return max(event.received_ms, there_ms + 1)


def _link(conn: Connection, incident_id: str, event: StoredEvent, delay_ms: int | None, came_ms: int) -> None:
    conn.execute(
        insert(presses),
        {
            "gateway": event.gateway,
            "event_id": event.event_id,
            "incident_id": incident_id,
            "row_id": event.row_id,
            "site": event.site,
            "device": event.device,
            "happened_ms": event.t_ms,
            "error_ms": event.error_ms,
            "received_ms": came_ms,
            "delay_ms": delay_ms,
            "again": event.again,
        },
    )


def _join(conn: Connection, found: Row[Any], event: StoredEvent, delay_ms: int | None, came_ms: int) -> None:
    """Count the press. The version stays: a person deciding now is not thrown back by one more press."""
    conn.execute(
        update(incidents)
        .where(incidents.c.id == found.id)
        .values(presses=found.presses + 1, last_press_ms=came_ms)
    )
    timeline.append(
        conn,
        found.id,
        "press",
        actor=Actor(event.gateway, found.origin),
        at_ms=event.received_ms,
        from_state=found.state,
        to_state=found.state,
        data=_told(event, delay_ms),
    )


def _revive(conn: Connection, found: Row[Any], event: StoredEvent) -> None:
    """The button of a recovered incident is pressed now: people work on it, and the old notice is pointless."""
    conn.execute(
        update(incidents)
        .where(incidents.c.id == found.id)
        .values(state="unverified", version=found.version + 1)
    )
    outbox.discard(conn, outbox.held_of(conn, found.id), now_ms=event.received_ms)
    timeline.append(
        conn,
        found.id,
        "revive",
        actor=HUB,
        at_ms=event.received_ms,
        from_state=found.state,
        to_state="unverified",
        data={"event_id": event.event_id},
    )


def _is_first_live(conn: Connection, incident_id: str) -> bool:
    """Whether the press just linked is the incident's first that did not come from a gateway's archive."""
    live = select(func.count()).where(presses.c.incident_id == incident_id, ~presses.c.again)
    return conn.execute(live).scalar_one() == 1


def _pressed_together(conn: Connection, event: StoredEvent, incident_id: str) -> list[str]:
    """Names of the site's other buttons pressed within a minute whose incidents are open; those are raised."""
    if not event.site:
        return []
    rows = conn.execute(
        select(presses, incidents.c.title, incidents.c.state)
        .join(incidents, incidents.c.id == presses.c.incident_id)
        .where(presses.c.site == event.site, incidents.c.id != incident_id, incidents.c.state.in_(OPEN))
        .order_by(presses.c.received_ms.desc())
        .limit(200)
    ).all()
    near = [row for row in rows if _apart_ms(row, event) <= TOGETHER_MS]
    for other in sorted({row.incident_id for row in near}):
        _raise_priority(conn, other, event.received_ms, [event.device])
    return sorted({row.title for row in near})


def _apart_ms(row: Row[Any], event: StoredEvent) -> int:
    if row.happened_ms is not None and event.t_ms is not None:
        return int(abs(row.happened_ms - event.t_ms))
    return int(abs(row.received_ms - event.received_ms))


def _raise_priority(conn: Connection, incident_id: str, now_ms: int, because: list[str]) -> bool:
    """Make the incident critical; False where it is already."""
    row = conn.execute(
        select(incidents.c.priority, incidents.c.state).where(incidents.c.id == incident_id)
    ).one()
    if row.priority == Priority.CRITICAL:
        return False
    conn.execute(
        update(incidents).where(incidents.c.id == incident_id).values(priority=int(Priority.CRITICAL))
    )
    timeline.append(
        conn,
        incident_id,
        "raise_priority",
        actor=HUB,
        at_ms=now_ms,
        from_state=row.state,
        to_state=row.state,
        data={"from": row.priority, "to": int(Priority.CRITICAL), "because": ", ".join(because)},
    )
    return True


def _raise_panic_alarm(conn: Connection, incident_id: str, event: StoredEvent, delay_ms: int | None) -> None:
    raised = raise_alarm(
        conn,
        _fingerprint(event.site, event.gateway, event.device),
        severity=PANIC_SEVERITY,
        now_ms=event.received_ms,
        t_ms=event.t_ms,
        delay_ms=delay_ms or 0,
        rearm=True,
        detail={"incident": incident_id},
    )
    conn.execute(update(incidents).where(incidents.c.id == incident_id).values(alarm_id=raised.alarm_id))


def _fingerprint(site: str, gateway: str, device: str) -> Fingerprint:
    return Fingerprint(site=site, gateway=gateway, device=device, point="", condition="panic")
