"""Sends what the outbox holds, one attempt after the other, until it has arrived or a person is needed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import TypeVar

from sqlalchemy import Connection

from hub import failpoints
from hub.bus import Bus
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreUnavailableError
from hub.notify import attempts
from hub.notify.attempts import Lane
from hub.notify.channels.base import Answer, Channel, Message
from hub.notify.links import Links
from hub.notify.policy import Retry, State

log = logging.getLogger(__name__)

T = TypeVar("T")

PLACES = {True: 8, False: 4}
"""Attempts of one channel at a time: first attempts, and repeated ones."""

ATTEMPT_S = 60.0
"""An attempt that takes longer has failed, whatever its channel promised."""

IDLE_S = 30.0
"""Longest sleep; only a clock that was set back needs it to be short."""

STORE_PAUSE_S = 1.0
"""Pause before the store is asked again after it failed."""


class NotifyWorker:
    """One per hub for what is in earnest, and one for exercises; neither holds a channel of the other.

    Args:
        channels: by their id. A row of a channel that is not here is given up and its fallback told.
        links: by which contacts answer; None where the hub has no address for them.
        exercise: take the rows of the channels for exercises, else those of all others.
    """

    def __init__(
        self,
        db: Database,
        channels: Mapping[str, Channel],
        clock: Clock,
        bus: Bus,
        *,
        random: Random | None = None,
        retry: Retry | None = None,
        links: Links | None = None,
        exercise: bool = False,
    ) -> None:
        self._links = links
        self._exercise = exercise
        self._db = db
        self._channels = channels
        self._clock = clock
        self._bus = bus
        self._random = random or Random()
        self._retry = retry or Retry()
        self._woken = asyncio.Event()
        self._running: Counter[Lane] = Counter()
        self._store_down = False

    def wake(self) -> None:
        """New rows may be there. Call it in the event loop after a commit; cheap."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled. An attempt that a crash interrupted is made again, with its key."""
        interrupted = await self._write(
            lambda conn: attempts.recover(conn, now_ms=self._clock.now_ms(), exercise=self._exercise)
        )
        if interrupted:
            log.warning("notify interrupted_attempts=%d", interrupted)
        async with asyncio.TaskGroup() as group:
            while True:
                self._woken.clear()
                taken = await self._write(self._take)
                if taken.messages:
                    failpoints.reach("notify.taken")
                for message in taken.messages:
                    self._running[message.channel, message.first] += 1
                    group.create_task(self._attempt(message), name=f"notify {message.key}")
                await self._rest(taken.next_due_ms)

    def _take(self, conn: Connection) -> attempts.Taken:
        return attempts.take(conn, self._free, now_ms=self._clock.now_ms(), exercise=self._exercise)

    def _free(self, lane: Lane) -> int:
        return PLACES[lane[1]] - self._running[lane]

    async def _rest(self, next_due_ms: int | None) -> None:
        rest_s = IDLE_S
        if next_due_ms is not None:
            rest_s = min(IDLE_S, max(0.0, (next_due_ms - self._clock.now_ms()) / 1000))
        try:
            async with asyncio.timeout(rest_s):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _attempt(self, message: Message) -> None:
        try:
            answer = await self._send(message)
            failpoints.reach("notify.sent")
            state = await self._finish(message, answer)
            failpoints.reach("notify.finished")
        finally:
            self._running[message.channel, message.first] -= 1
            self.wake()
        if answer.outcome != "delivered":
            log.warning(
                "notify outcome=%s key=%s attempt=%d state=%s status=%s detail=%r",
                answer.outcome,
                message.key,
                message.attempt,
                state,
                answer.status,
                answer.detail,
            )
        self._bus.publish(
            "notice", message.key, {"state": state, "attempt": message.attempt, "about": message.subject}
        )

    async def _finish(self, message: Message, answer: Answer) -> State | None:
        """Put on record what came of it; None where that cannot be, which must not end the other attempts."""
        try:
            return await self._write(
                lambda conn: attempts.finish(
                    conn,
                    message,
                    answer,
                    now_ms=self._clock.now_ms(),
                    retry=self._retry,
                    random=self._random,
                )
            )
        except Exception:
            # The row stays as it is being sent, until the next start: once more then is better than again and again.
            log.exception("notify unfinished key=%s outcome=%s", message.key, answer.outcome)
            return None

    async def _send(self, message: Message) -> Answer:
        channel = self._channels.get(message.channel)
        if channel is None:
            return Answer("refused", detail=f"channel {message.channel} is not configured")
        if bool(message.drill) != self._exercise:
            # Nothing writes such a row. Should anything ever, it ends here.
            return Answer("refused", detail="the notice and its channel are not on one side of the fence")
        try:
            async with asyncio.timeout(ATTEMPT_S):
                return await channel.send(self._with_link(message))
        except TimeoutError:
            return Answer("failed", detail=f"no end after {ATTEMPT_S:.0f} s")
        except Exception as error:
            # A channel must not raise; one that does may not stop the others.
            log.exception("notify channel_error channel=%s", message.channel)
            return Answer("failed", detail=type(error).__name__)

    def _with_link(self, message: Message) -> Message:
        """The link is signed when it goes out; no table holds it whole."""
        if message.link is None or self._links is None:
            return message
        return replace(message, answer_url=self._links.url(message.link))

    async def _write(self, fn: Callable[[Connection], T]) -> T:
        """Write however long the store is away: what was sent must be put on record."""
        while True:
            try:
                value = await self._db.write(fn, urgent=True)
            except StoreUnavailableError as error:
                if not self._store_down:
                    log.warning("notify store=down error=%s", error)
                self._store_down = True
                await asyncio.sleep(STORE_PAUSE_S)
            else:
                if self._store_down:
                    log.info("notify store=up")
                self._store_down = False
                return value
