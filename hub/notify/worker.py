"""Sends what the outbox holds, one attempt after the other, until it has arrived or a person is needed."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from hub.bus import Bus
from hub.clock import Clock
from hub.db import Database
from hub.notify.channels.base import Channel
from hub.notify.policy import Retry


class NotifyWorker:
    """One per hub.

    Args:
        channels: by their id in the region profile. A row of a channel that is not here is given up and its fallback
            told.
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
    ) -> None:
        self._db = db
        self._channels = channels
        self._clock = clock
        self._bus = bus
        self._random = random or Random()
        self._retry = retry or Retry()

    def wake(self) -> None:
        """New rows may be there. Call it in the event loop after a commit; cheap."""

    async def run(self) -> None:
        """Work until cancelled. An attempt that a crash interrupted is made again, with its key."""
