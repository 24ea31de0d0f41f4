"""The watch, put together: press, judge, remember, tell; until stopped."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from contract.readiness import Readiness
from contract.whole_file import write_text
from watch import words
from watch.config import Config
from watch.contacts import Contacts
from watch.link import Reason, send
from watch.machine import Watching, judge
from watch.press import Pressed, pressed

log = logging.getLogger(__name__)

Send = Callable[[Pressed], Awaitable[Reason | None]]


class Watch:
    """Presses again and again. The constructor only stores; ``run`` acts."""

    def __init__(self, config: Config, contacts: Contacts, *, send_press: Send | None = None) -> None:
        self._config = config
        self._contacts = contacts
        self._send = send_press or self._over_the_broker
        self._memory = Path(config.memory)
        self._zone = ZoneInfo(config.zone)
        self._epoch = secrets.token_hex(8)
        self._boot = str(uuid.uuid4())
        self._seq = 0
        self._readiness = Readiness()
        self._known = Watching()
        self._since = datetime.now(UTC)

    async def run(self) -> None:
        """Watch until cancelled."""
        self._remember()
        watchdog = asyncio.create_task(self._readiness.watchdog(), name="watchdog")
        self._readiness.ready()
        try:
            while True:
                began_s = time.monotonic()
                await self.once()
                await asyncio.sleep(max(0.0, began_s + self._config.press.every_s - time.monotonic()))
        finally:
            self._readiness.stopping()
            watchdog.cancel()
            self._contacts.close()

    async def once(self) -> Reason | None:
        """One press and what follows from it; None when it was answered."""
        began_ms, began = _mono_ms(), datetime.now(UTC)
        reason = await self._send(self._next())
        before = self._known
        self._known, word = judge(
            before,
            answered=reason is None,
            began_ms=began_ms,
            now_ms=_mono_ms(),
            down_after_ms=round(self._config.press.down_after_s * 1000),
        )
        if before.since_ms is None and self._known.since_ms is not None and before.state != "down":
            self._since = began
        if before.state != self._known.state:
            log.warning("press state=%s reason=%s", self._known.state, reason)
        if word is not None:
            since = words.clock(self._since, self._zone, self._config.zone_label)
            self._contacts.tell(words.message(word, self._config.name, since, reason))
            self._keep(down=word == "down")
        self._readiness.status(self._known.state)
        return reason

    def _next(self) -> Pressed:
        self._seq += 1
        return pressed(
            epoch=self._epoch,
            boot=self._boot,
            seq=self._seq,
            event_id=secrets.token_hex(16),
            wall_ms=time.time_ns() // 1_000_000,
        )

    async def _over_the_broker(self, press: Pressed) -> Reason | None:
        return await send(self._config.broker, press, answer_s=self._config.press.answer_s)

    def _remember(self) -> None:
        """That people were told before a restart, so that they are told the end of it, and not the beginning twice."""
        try:
            since_ms = json.loads(self._memory.read_text(encoding="utf-8"))["since_ms"]
            self._since = datetime.fromtimestamp(since_ms / 1000, UTC)
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("memory.unreadable error=%s", type(error).__name__)
            return
        self._known = Watching("down")

    def _keep(self, *, down: bool) -> None:
        try:
            if down:
                since_ms = round(self._since.timestamp() * 1000)
                write_text(self._memory, json.dumps({"since_ms": since_ms}), mode=0o600)
            else:
                self._memory.unlink(missing_ok=True)
        except OSError as error:
            # Telling people is what counts; a full disk is no reason to be silent.
            log.warning("memory.unwritten error=%s", error)


def _mono_ms() -> int:
    """Since boot, sleep included: a machine that slept has not watched."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
