"""What people do to incidents, by API or console: each change checked, audited and told in one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hub.api.access import Identity
from hub.api.auth.roles import DISPATCHING, WORKING, Roles
from hub.api.changes import change
from hub.api.services import Services
from hub.incidents import actions, attachments, by_hand, checklists
from hub.incidents.by_hand import Report
from hub.incidents.machine import ACTIONS, Action
from hub.incidents.timeline import Actor

Source = Literal["api", "console"]

BY: Mapping[Action, Roles] = MappingProxyType(
    {action: DISPATCHING if action in ("assign", "hand_over", "cancel") else WORKING for action in ACTIONS}
)
"""Who may take which step."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an incident: the version that the person saw, why, and what the step needs."""

    action: Action
    version: int
    note: str = ""
    agency: str | None = None
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One person's work on one incident.

    Every method raises NotFoundError where there is no such incident; those with a version VersionConflictError
    where somebody changed it meanwhile, and TransitionError where its state does not offer this.
    """

    hub: Services
    who: Identity
    incident_id: str
    source: Source

    async def acknowledge(self, note: str = "") -> bool:
        """A person has seen it; False where one had already. It silences nothing."""
        return await change(
            self.hub,
            self.who,
            "incident.acknowledge",
            self.incident_id,
            lambda conn: actions.acknowledge(
                conn, self.incident_id, actor=self._actor, now_ms=self._now_ms, note=note
            ),
            topic="incident",
        )

    async def claim(self, version: int, *, take_over: bool = False) -> int:
        """This person works on it; the new version."""
        return await change(
            self.hub,
            self.who,
            "incident.claim",
            self.incident_id,
            lambda conn: actions.claim(
                conn,
                self.incident_id,
                actor=self._actor,
                version=version,
                now_ms=self._now_ms,
                take_over=take_over,
            ),
            detail={"take_over": take_over},
            topic="incident",
        )

    async def let_go(self, version: int) -> int:
        """This person works on it no longer; the new version."""
        return await change(
            self.hub,
            self.who,
            "incident.let_go",
            self.incident_id,
            lambda conn: actions.let_go(
                conn, self.incident_id, actor=self._actor, version=version, now_ms=self._now_ms
            ),
            topic="incident",
        )

    async def add_note(self, note: str) -> None:
        """Write on the timeline."""
        await change(
            self.hub,
            self.who,
            "incident.note",
            self.incident_id,
            lambda conn: actions.add_note(
                conn, self.incident_id, note, actor=self._actor, now_ms=self._now_ms
            ),
            topic="incident",
        )

    async def take(self, step: Step) -> int:
        """Take it one step on; the new version."""
        return await change(
            self.hub,
            self.who,
            f"incident.{step.action}",
            self.incident_id,
            lambda conn: actions.act(
                conn,
                self.hub.region,
                self.incident_id,
                step.action,
                actor=self._actor,
                version=step.version,
                now_ms=self._now_ms,
                note=step.note,
                agency=step.agency,
                parent_id=step.parent_id,
                agencies=self.hub.directory().agencies,
            ),
            detail={"note": step.note, "agency": step.agency, "parent_id": step.parent_id},
            topic="incident",
        )

    async def tick(self, item: str, *, done: bool, note: str = "") -> bool:
        """An item of its checklist was done, or was not after all; False where that is on record already."""
        return await change(
            self.hub,
            self.who,
            "incident.tick" if done else "incident.untick",
            self.incident_id,
            lambda conn: checklists.tick(
                conn,
                self.hub.region,
                self.incident_id,
                item,
                done=done,
                actor=self._actor,
                now_ms=self._now_ms,
                note=note,
            ),
            detail={"item": item, "note": note},
            topic="incident",
        )

    async def attach(self, name: str, content: bytes) -> int:
        """Keep a file with it; the file's id."""
        return await change(
            self.hub,
            self.who,
            "incident.attach",
            self.incident_id,
            lambda conn: attachments.add(
                conn, self.incident_id, name, content, actor=self._actor, now_ms=self._now_ms
            ),
            detail={"name": name, "bytes": len(content)},
            topic="incident",
        )

    @property
    def _actor(self) -> Actor:
        return Actor(self.who.user.name, self.source)

    @property
    def _now_ms(self) -> int:
        return self.hub.clock.now_ms()


async def open_by_hand(hub: Services, who: Identity, source: Source, report: Report, key: str) -> str:
    """Open an incident that this person has heard of; its id. The same key again gives the same incident.

    Raises:
        TransitionError: nobody would know where it is.
    """
    now_ms = hub.clock.now_ms()
    return await change(
        hub,
        who,
        "incident.open",
        by_hand.id_of(key),
        lambda conn: by_hand.open_incident(
            conn, hub.region, report, key=key, actor=Actor(who.user.name, source), now_ms=now_ms
        ),
        detail={"kind": report.kind, "origin": report.origin, "place": report.place, "site": report.site},
        topic="incident",
    )
