"""The hub's own audit trail: where its head is noted, and the alarm that it was tampered with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.alarms.service import Fingerprint, clear_alarm, raise_alarm
from hub.anchoring import Anchoring, ChannelPlace, FilePlace, Place, SyslogPlace
from hub.clock import Clock
from hub.config import AuditSection
from hub.db import Database
from hub.errors import StoreError
from hub.notify.channels.base import Channel

log = logging.getLogger(__name__)

TAMPERED = Fingerprint(site="", gateway="", device="hub", point="", condition="audit_tampered")
SEVERITY = 2


def anchoring(
    section: AuditSection,
    channels: Mapping[str, Channel],
    db: Database,
    clock: Clock,
    *,
    changed: Callable[[], None],
) -> Anchoring:
    """The task that notes and checks the hub's trail, at the places that the configuration names.

    Args:
        changed: told when the alarm was raised or cleared.
    """

    async def told(fault: str | None) -> None:
        try:
            await db.write(lambda conn: _write(conn, fault, clock.now_ms()), urgent=True)
        except (StoreError, SQLAlchemyError) as error:
            log.error("audit.untold error=%s", error)
        changed()

    return Anchoring("hub", places(section, channels), db.read, clock, told=told)


def places(section: AuditSection, channels: Mapping[str, Channel]) -> list[Place]:
    """Where heads are noted."""
    found: list[Place] = []
    if section.file:
        found.append(FilePlace(Path(section.file)))
    if section.syslog:
        found.append(SyslogPlace.parse(section.syslog))
    if section.channel:
        found.append(ChannelPlace(section.channel, channels[section.channel]))
    return found


def _write(conn: Connection, fault: str | None, now_ms: int) -> None:
    if fault is None:
        clear_alarm(conn, TAMPERED, now_ms=now_ms)
    else:
        raise_alarm(conn, TAMPERED, severity=SEVERITY, now_ms=now_ms, detail={"fault": fault})
