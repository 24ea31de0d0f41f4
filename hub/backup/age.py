"""An alarm when there is no young backup: one that has stopped is noticed by nothing else until it is needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from hub.alarms.service import Fingerprint, clear_alarm, raise_alarm
from hub.backup.folder import newest_ms
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.fleet.gateways import RING_H
from hub.ingest.tables import life

log = logging.getLogger(__name__)

OLD = Fingerprint("", "", "hub", "", "backup_old")

HOUR_MS = 3_600_000
OLD_MS = 26 * HOUR_MS
"""A day and the time that a nightly one may take."""

LATE_MS = round(RING_H * HOUR_MS) - 24 * HOUR_MS
"""A day before the oldest press of the gateways' rings is older than the backup: beyond that a restore loses it."""

LOOK_S = 600.0


def severity(age_ms: int) -> int | None:
    """Of the alarm about a backup of that age; None where it is young."""
    if age_ms < OLD_MS:
        return None
    return 1 if age_ms < LATE_MS else 2


class BackupAge:
    """Looks at the folder of the backups, and raises and clears the alarm. The constructor only stores."""

    def __init__(self, folder: Path, db: Database, clock: Clock, *, changed: Callable[[], None]) -> None:
        self._folder = folder
        self._db = db
        self._clock = clock
        self._changed = changed
        self._said: int | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.judge()
            except (StoreError, SQLAlchemyError) as error:
                log.warning("backup_not_judged error=%s", error)
            await asyncio.sleep(LOOK_S)

    async def judge(self) -> None:
        """Look once. Without any backup its age counts from the first day of the store."""
        newest = await asyncio.to_thread(newest_ms, self._folder)
        found = await self._db.write(lambda conn: self._judge(conn, newest))
        if found != self._said:
            self._said = found
            self._changed()

    def _judge(self, conn: Connection, newest: int | None) -> int | None:
        now_ms = self._clock.now_ms()
        since_ms = newest
        if since_ms is None:
            since_ms = conn.execute(select(life.c.since_ms)).scalar() or now_ms
        found = severity(now_ms - since_ms)
        if found is None:
            clear_alarm(conn, OLD, now_ms=now_ms)
        else:
            raise_alarm(conn, OLD, severity=found, now_ms=now_ms, detail={"newest_ms": newest})
        return found
