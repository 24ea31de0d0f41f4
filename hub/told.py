"""Who hears of what has happened, once it is committed; and what it brings about within the transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from contract.topics import WATCH
from hub.bus import Bus
from hub.escalation.worker import Escalation
from hub.incidents.service import Incidents
from hub.incidents.tables import presses
from hub.incidents.technical import FAULTS
from hub.ingest import watch_press
from hub.ingest.accept import AcceptedBeat
from hub.ingest.events import StoredEvent
from hub.ingest.judging import Judging
from hub.ingest.ruling import Ruling
from hub.notify.sides import Sides
from hub.rules.model import Change
from hub.rules.verdict import Verdict

REMEMBERED_PRESSES = 1000


class Told:
    """The consequences of events, and who hears of what has changed once it is committed."""

    def __init__(self, bus: Bus, notify: Sides, incidents: Incidents) -> None:
        self._bus = bus
        self._notify = notify
        self._incidents = incidents
        self.escalation: Escalation | None = None
        self._incident_of: dict[int, str] = {}
        self._down: dict[str, tuple[str, ...]] = {}
        self.judging: Judging | None = None
        self.rules: Ruling | None = None

    def devices_down(self) -> Iterator[str]:
        """``gateway/device`` of each device that does not answer, as the last beats say."""
        return (f"{gateway}/{device}" for gateway, devices in self._down.items() for device in devices)

    # On the writer's thread, within the transaction

    def panic(self, conn: Connection, event: StoredEvent) -> None:
        """A press and its incident; which one it is, is told when it is committed. One of the watch is a test."""
        if event.gateway == WATCH:
            watch_press.keep_last(conn, event)
            return
        self._incidents.panic(conn, event)
        query = select(presses.c.incident_id).where(
            presses.c.gateway == event.gateway, presses.c.event_id == event.event_id
        )
        if len(self._incident_of) >= REMEMBERED_PRESSES:
            self._incident_of.clear()
        self._incident_of[event.row_id] = conn.execute(query).scalar() or ""

    def event(self, conn: Connection, event: StoredEvent) -> None:
        """An event of the event lane."""
        self._incidents.event(conn, event)

    # On the event loop, after the commit

    def wake(self) -> None:
        """The outbox may have new rows, and an escalation may have begun or been answered. Cheap."""
        self._notify.wake()
        if self.escalation is not None:
            self.escalation.wake()

    def escalated(self, incident: str) -> None:
        """Somebody was asked about an incident, or everybody was."""
        self._notify.wake()
        self._bus.publish("incident", incident, {"action": "escalate"})
        self._bus.publish("alarm", "", {"kind": "escalation"})

    def stored(self, new: Sequence[StoredEvent]) -> None:
        """These events are new."""
        self.wake()
        if self.rules is not None:
            self.rules.stored(new)
        for event in new:
            about = {"gateway": event.gateway, "device": event.device, "kind": event.kind}
            incident = self._incident_of.pop(event.row_id, None)
            if incident is not None:
                self._bus.publish("incident", incident, about)
            elif event.kind in FAULTS:
                self._bus.publish("alarm", event.gateway, about)

    def changed(self, change: Change) -> None:
        """A station's level or rise has changed."""
        self.wake()
        about = {"kind": change.kind, "old": change.old, "new": change.new, "value_mm": change.value_mm}
        self._bus.publish("station", change.station, about)
        self._bus.publish("alarm", change.gateway, {"kind": change.kind})

    def ruled(self, verdict: Verdict) -> None:
        """A rule has raised an alarm, or cleared it."""
        self.wake()
        self._bus.publish("alarm", verdict.subject.gateway, {"kind": verdict.kind, "rule": verdict.rule})

    def gateway(self, gateway: str) -> None:
        """A gateway fell silent, or is back."""
        self._bus.publish("gateway", gateway)

    def alarm(self, alarm_id: int) -> None:
        """Time alone has moved an alarm on."""
        self._bus.publish("alarm", f"alarm/{alarm_id}")

    def account(self, accepted: AcceptedBeat) -> None:
        """A gateway's account: where its telemetry has no gap any more, the past can be looked over."""
        if self._down.get(accepted.gateway, ()) != accepted.beat.devices_down:
            self._down[accepted.gateway] = accepted.beat.devices_down
            self._bus.publish("gateway", accepted.gateway)
        said = accepted.beat.lanes.get("telemetry")
        if said is not None and self.judging is not None:
            self.judging.filled(accepted.gateway, said.epoch, said.floor)
