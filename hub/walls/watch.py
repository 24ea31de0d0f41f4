"""An alarm of the lowest priority where a wall shows nothing for minutes: who looks at it sees that, others do not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from hub.alarms.service import Fingerprint, clear_alarm, raise_alarm
from hub.alarms.tables import alarms
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.walls.beats import Beats, Wall

log = logging.getLogger(__name__)

DARK = Fingerprint("", "", "", "", "wall_dark")
"""The device is the wall."""

SEVERITY = 0
"""The hub tells people by itself; a wall only shows it."""

LOOK_S = 10.0


class WallWatch:
    """Looks at the walls, and raises and clears their alarms. The constructor only stores.

    Args:
        changed: told when an alarm may have changed.
    """

    def __init__(self, beats: Beats, db: Database, clock: Clock, *, changed: Callable[[], None]) -> None:
        self._beats = beats
        self._db = db
        self._clock = clock
        self._changed = changed
        self._said: dict[str, bool] | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.judge()
            except Exception as error:
                # Whatever it is of a wall, presses go on.
                ours = not isinstance(error, (StoreError, SQLAlchemyError))
                log.warning("walls_not_judged error=%s", error, exc_info=ours)
            await asyncio.sleep(LOOK_S)

    async def judge(self) -> None:
        """Look once; only what has changed is written."""
        walls = self._beats.now(mono_ms=self._clock.mono_ms())
        said = self._said or {}
        new = [one for one in walls if one.overdue is not None and said.get(one.name) != one.overdue]
        if not new and self._said is not None:
            return
        now_ms, names = self._clock.now_ms(), {one.name for one in walls}
        forgotten = self._said is None
        await self._db.write(lambda conn: _write(conn, new, names if forgotten else None, now_ms))
        self._said = said | {one.name: bool(one.overdue) for one in new}
        for one in new:
            log.info("wall name=%s state=%s", one.name, one.state)
        self._changed()


def _write(conn: Connection, walls: Sequence[Wall], names: set[str] | None, now_ms: int) -> None:
    """Say what is new of walls; with ``names`` also end the alarms of walls that are no more."""
    for wall in walls:
        if wall.overdue:
            detail = {"state": wall.state, "heard_ms": wall.heard_ms, "shows": wall.shows}
            raise_alarm(conn, _fingerprint(wall.name), severity=SEVERITY, now_ms=now_ms, detail=detail)
        else:
            clear_alarm(conn, _fingerprint(wall.name), now_ms=now_ms)
    if names is not None:
        for name in conn.scalars(select(alarms.c.device).where(alarms.c.condition == DARK.condition)).all():
            if name not in names:
                clear_alarm(conn, _fingerprint(name), now_ms=now_ms)


def _fingerprint(wall: str) -> Fingerprint:
    return replace(DARK, device=wall)
