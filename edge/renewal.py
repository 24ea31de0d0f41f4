"""Keeps the gateway's certificate young: asks for the next one when two thirds of its life are over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import Random

from edge import identity
from edge.clock import Clock
from edge.config import Config
from edge.errors import EdgeError

log = logging.getLogger(__name__)

LOOK_S = 3600.0
"""How often the dates are looked at, and how soon a renewal that failed is tried again; ±30 %."""

SOON_MS = 20 * 86_400_000
"""With less than this left, every failure is told as a warning that somebody must act on."""

Renew = Callable[[Config, Clock], identity.Validity]


class Renewal:
    """The task that renews.

    Args:
        renewed: called in the event loop when the file holds the next key and certificate.
        renew: how; tests give their own.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock,
        random: Random,
        renewed: Callable[[], None],
        renew: Renew | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._random = random
        self._renewed = renewed
        self._renew = renew or _renew

    async def run(self) -> None:
        """Work until cancelled. Ends at once where the gateway was never told of a service."""
        while self._config.enrolment is not None:
            await self.look()
            await asyncio.sleep(LOOK_S * self._random.uniform(0.7, 1.3))

    async def look(self) -> None:
        """Renew if it is time. What goes wrong is told and tried again later: the gateway works on meanwhile."""
        try:
            now = identity.validity(self._config.broker.cert_file)
            if self._clock.now_ms() < now.due_ms:
                return
            # In a thread, and not waited for at a stop: all that it changes is one rename.
            new = await asyncio.to_thread(self._renew, self._config, self._clock)
        except (EdgeError, OSError) as error:
            self._tell(error)
            return
        log.info("certificate.renewed days=%d", (new.ends_ms - self._clock.now_ms()) // 86_400_000)
        self._renewed()

    def _tell(self, error: Exception) -> None:
        try:
            left_ms = identity.validity(self._config.broker.cert_file).ends_ms - self._clock.now_ms()
        except EdgeError:
            left_ms = 0
        days_left = left_ms // 86_400_000
        if left_ms < SOON_MS:
            log.error("certificate.renewal_failed days_left=%d error=%s", days_left, error)
        else:
            log.warning("certificate.renewal_failed days_left=%d error=%s", days_left, error)


def _renew(config: Config, clock: Clock) -> identity.Validity:
    # Imported in the hour of a renewal: HTTP and the library of certificates take 10 MB.
    from edge.enrolment import renew

    return renew(config, clock)
