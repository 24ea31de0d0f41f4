"""What happens to alarms by time alone: shelves end, suppressed children are released, what nobody looked at lapses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlalchemy import ColumnElement, Connection, and_, case, or_, select
from sqlalchemy.exc import SQLAlchemyError

from hub.alarms.machine import WITHHELD
from hub.alarms.parents import SETTLE_MS, let_go
from hub.alarms.steps import take
from hub.alarms.tables import alarms
from hub.alarms.withholding import SHELF_MOST_MS
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError

log = logging.getLogger(__name__)

EVERY_S = 2.0
AT_ONCE = 200
"""Alarms in one transaction: a press that comes meanwhile waits for its end."""

LAPSE_MS: Mapping[int, int] = MappingProxyType(
    {0: 8 * 3_600_000, 1: 24 * 3_600_000, 2: 72 * 3_600_000, 3: 7 * 86_400_000}
)
"""How long a condition that is over waits for somebody to look, by severity. It is then on record as seen by nobody,
and the page of alarm quality counts it."""

NOBODY = "nobody looked"
TIME_OVER = "its time is over"


def due(conn: Connection, now_ms: int) -> list[int]:
    """Ids of the alarms whose time has come, at most AT_ONCE."""
    found = select(alarms.c.id).where(_is_due(now_ms)).order_by(alarms.c.id).limit(AT_ONCE)
    return list(conn.execute(found).scalars())


def pass_time(conn: Connection, now_ms: int) -> list[int]:
    """Take those alarms on, as part of the caller's transaction; their ids."""
    rows = conn.execute(select(alarms).where(_is_due(now_ms)).order_by(alarms.c.id).limit(AT_ONCE)).all()
    for row in rows:
        if row.state == "returned":
            take(conn, row, "lapse", now_ms=now_ms, note=NOBODY)
        else:
            let_go(conn, row, now_ms=now_ms, note=TIME_OVER)
    return [row.id for row in rows]


def _is_due(now_ms: int) -> ColumnElement[bool]:
    patience = case(dict(LAPSE_MS), value=alarms.c.severity)
    until = alarms.c.withheld_until_ms
    return or_(
        and_(alarms.c.state.in_(WITHHELD), or_(until <= now_ms, until > now_ms + SHELF_MOST_MS)),
        # Further off than it was ever set: the clock was set back meanwhile.
        and_(alarms.c.state == "suppressed", until > now_ms + SETTLE_MS),
        and_(alarms.c.state == "returned", alarms.c.cleared_ms + patience <= now_ms),
    )


class AlarmTimes:
    """The task that lets time pass for alarms.

    Args:
        changed: told of each alarm that was taken on, by its id, after the commit.
    """

    def __init__(self, db: Database, clock: Clock, *, changed: Callable[[int], None]) -> None:
        self._db = db
        self._clock = clock
        self._changed = changed

    async def run(self) -> None:
        """Runs until cancelled. What cannot be done now waits for the next time."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.step()
            except Exception as error:
                # Whatever it is of one alarm, presses go on.
                ours = not isinstance(error, (StoreError, SQLAlchemyError))
                log.warning("alarm_times error=%s", error, exc_info=ours)

    async def step(self) -> int:
        """Take on what is due now; how many alarms.

        Raises:
            StoreError: the store does not take it.
        """
        now_ms = self._clock.now_ms()
        # Looked at by a reader first: nearly always nothing is due, and a write would wake the disk for it.
        if not await self._db.read(lambda conn: due(conn, now_ms)):
            return 0
        moved = await self._db.write(lambda conn: pass_time(conn, now_ms))
        log.info("alarms_due alarms=%d", len(moved))
        for alarm_id in moved:
            self._changed(alarm_id)
        return len(moved)
