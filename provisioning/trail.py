"""The authority's own trail: its head is noted away from the register each hour, as that of the hub's is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from hub.anchoring import Anchoring, Checked, FilePlace, Place, SyslogPlace
from hub.clock import SystemClock
from provisioning.register import Register
from provisioning.settings import AuditSection


def anchoring(section: AuditSection, register: Register) -> Anchoring:
    """The task that notes and checks it. What is wrong is in the service's log, as critical."""

    def work(fn: Callable[[Connection], Checked]) -> Checked:
        with register.transaction() as conn:
            return fn(conn)

    async def read(fn: Callable[[Connection], Checked]) -> Checked:
        return await asyncio.to_thread(work, fn)

    async def told(_fault: str | None) -> None:
        """Nobody else is to be told: there is no alarm without a hub."""

    return Anchoring("authority", places(section), read, SystemClock(), told=told)


def places(section: AuditSection) -> list[Place]:
    """Where heads are noted."""
    found: list[Place] = []
    if section.file is not None:
        found.append(FilePlace(Path(section.file)))
    if section.syslog:
        found.append(SyslogPlace.parse(section.syslog))
    return found
