"""What people do to alarms, by API or console: one or many at once, each audited, then told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.alarms import service as alarms
from hub.alarms.conditions import cause
from hub.api import audit
from hub.api.access import Identity
from hub.api.services import Services
from hub.api.work import Source
from hub.incidents import actions
from hub.incidents.timeline import Actor

MOST = 500
"""Most alarms in one step."""


@dataclass(frozen=True, slots=True)
class AlarmWork:
    """One person's work on some alarms: all of a step or nothing of it.

    Every method raises AlarmError where there is no such alarm, and WithholdError where it cannot be withheld so.
    """

    hub: Services
    who: Identity
    source: Source

    async def acknowledge(self, ids: Sequence[int], note: str = "") -> dict[int, str]:
        """This person has seen them; their states now. A press is acknowledged with its incident."""

        def one(conn: Connection, alarm_id: int) -> str:
            row = alarms.one(conn, alarm_id)
            incident = row["detail"].get("incident")
            if cause(row["condition"]) == "panic" and incident:
                actor = Actor(self.who.user.name, self.source)
                actions.acknowledge(conn, str(incident), actor=actor, now_ms=self._now_ms, note=note)
            return alarms.acknowledge(
                conn, alarm_id, actor=self.who.user.name, now_ms=self._now_ms, note=note
            )

        return await self._each(ids, "alarm.acknowledge", one, {"note": note})

    async def shelve(self, ids: Sequence[int], reason: str, minutes: int) -> dict[int, str]:
        """Keep them quiet for so many minutes; their states now."""
        until_ms = self._now_ms + minutes * 60_000
        return await self._each(
            ids,
            "alarm.shelve",
            lambda conn, alarm_id: alarms.shelve(
                conn,
                alarm_id,
                actor=self.who.user.name,
                reason=reason,
                until_ms=until_ms,
                now_ms=self._now_ms,
            ),
            {"note": reason, "minutes": minutes},
        )

    async def take_out(self, ids: Sequence[int], reason: str) -> dict[int, str]:
        """Take them out of service; their states now."""
        return await self._each(
            ids,
            "alarm.take_out",
            lambda conn, alarm_id: alarms.take_out(
                conn, alarm_id, actor=self.who.user.name, reason=reason, now_ms=self._now_ms
            ),
            {"note": reason},
        )

    async def put_back(self, ids: Sequence[int], note: str = "") -> dict[int, str]:
        """Take them from the shelf, or back into service; their states now."""
        return await self._each(
            ids,
            "alarm.put_back",
            lambda conn, alarm_id: alarms.put_back(
                conn, alarm_id, actor=self.who.user.name, now_ms=self._now_ms, note=note
            ),
            {"note": note},
        )

    async def _each(
        self,
        ids: Sequence[int],
        action: str,
        step: Callable[[Connection, int], str],
        detail: Mapping[str, audit.Scalar],
    ) -> dict[int, str]:
        now_ms = self._now_ms

        def all_or_nothing(conn: Connection) -> dict[int, str]:
            states = {}
            for alarm_id in dict.fromkeys(ids):
                states[alarm_id] = step(conn, alarm_id)
                audit.record(conn, self.who.user.name, action, f"alarm/{alarm_id}", detail, now_ms=now_ms)
            return states

        states = await self.hub.db.write(all_or_nothing, urgent=True)
        self.hub.notify.wake()
        for alarm_id in states:
            self.hub.bus.publish("alarm", f"alarm/{alarm_id}", {"action": action})
        return states

    @property
    def _now_ms(self) -> int:
        return self.hub.clock.now_ms()
