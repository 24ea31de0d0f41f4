"""The task that takes escalations up their ladders when their time has come.

The due times are rows, so a restart loses none. While the hub runs it waits by the clock that never jumps: a wall clock
that is set right, or wrong, makes nobody be asked late. At a start only the wall clock is left to go by; a wait is
then at most as long as it was meant to be (``machine.left_ms``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from hub import failpoints
from hub.clock import Clock
from hub.db import Database
from hub.escalation.asking import City, Rung, climb
from hub.escalation.machine import left_ms
from hub.escalation.tables import escalations

log = logging.getLogger(__name__)

IDLE_S = 30.0
"""Longest sleep; whoever begins an escalation wakes the worker."""

PAUSE_S = 1.0
"""Pause before one that failed is tried again."""


class Escalation:
    """One per hub. The constructor only stores.

    Args:
        city: whom there is to ask now. It changes while the hub runs.
        changed: told of the incident of each step, after the commit.
    """

    def __init__(
        self, db: Database, clock: Clock, city: Callable[[], City], *, changed: Callable[[str], None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._city = city
        self._changed = changed
        self._woken = asyncio.Event()
        self._deadlines: dict[tuple[Rung, int], int] = {}

    def wake(self) -> None:
        """An escalation may have begun, or be answered. Call it in the event loop after a commit; cheap."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        failed = False
        while True:
            self._woken.clear()
            try:
                rest_s = await self.step()
            except Exception:
                # Whatever it is, the next try must come: nobody else asks the next one.
                if not failed:
                    log.exception("escalation_failed")
                failed, rest_s = True, PAUSE_S
            else:
                if failed:
                    log.info("escalation_goes_on")
                failed = False
            try:
                async with asyncio.timeout(rest_s):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def step(self) -> float:
        """Take every rung that is due; seconds until the next one is, at most IDLE_S.

        Raises:
            HubError: the store does not take one, or somebody cannot be asked: nothing of that rung is kept, and all
                others that are due were taken.
        """
        rows = await self._db.read(waiting)
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        known = self._deadlines
        # Due times change with the rung; one that was hastened has another too.
        self._deadlines = {
            key: known.get(key, mono_ms + left_ms(row.due_ms, row.wait_ms, now_ms))
            for row in rows
            for key in [(Rung.of(row), row.wait_ms)]
        }
        due = sorted(
            (key for key, at_ms in self._deadlines.items() if at_ms <= mono_ms),
            key=self._deadlines.__getitem__,
        )
        broken: Exception | None = None
        for rung, _ in due:
            try:
                await self._take(rung)
            except Exception as error:
                # One that cannot be taken must not keep the others from it.
                broken = broken or error
        if broken is not None:
            raise broken
        if due:
            return 0.0
        next_ms = min(self._deadlines.values(), default=mono_ms + round(IDLE_S * 1000))
        return min(IDLE_S, (next_ms - mono_ms) / 1000)

    async def _take(self, rung: Rung) -> None:
        failpoints.reach("escalation.due")
        city = self._city()
        incident_id = await self._db.write(
            lambda conn: climb(conn, rung, city, now_ms=self._clock.now_ms()), urgent=True
        )
        if incident_id is None:
            return
        failpoints.reach("escalation.committed")
        log.info("escalation_step question=%s subject=%s rung=%d", rung.ladder, rung.subject, rung.rung)
        self._changed(incident_id)


def waiting(conn: Connection) -> Sequence[Row[Any]]:
    """The escalations that time takes on."""
    return conn.execute(select(escalations).where(escalations.c.state == "waiting")).all()
