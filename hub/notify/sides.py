"""The two workers of a hub: one for what is in earnest, one for exercises, with nothing in common but the table."""

from __future__ import annotations

from collections.abc import Mapping

from hub.bus import Bus
from hub.clock import Clock
from hub.db import Database
from hub.notify.channels.base import Channel
from hub.notify.fence import is_exercise
from hub.notify.links import Links
from hub.notify.outbox import FenceError
from hub.notify.worker import NotifyWorker


class Sides:
    """Both workers, woken together.

    Args:
        channels, exercise_channels: by their ids; none of one side may be on the other.

    Raises:
        FenceError: a channel is on the wrong side.
    """

    def __init__(
        self,
        db: Database,
        channels: Mapping[str, Channel],
        exercise_channels: Mapping[str, Channel],
        clock: Clock,
        bus: Bus,
        *,
        links: Links | None = None,
    ) -> None:
        for name in channels:
            if is_exercise(name):
                raise FenceError(f"channel {name} is for exercises", "[exercise.channels]")
        for name, channel in exercise_channels.items():
            if not is_exercise(name) or any(channel is real for real in channels.values()):
                raise FenceError(f"channel {name} is none of its own for exercises")
        self.earnest = NotifyWorker(db, channels, clock, bus, links=links)
        self.exercise = NotifyWorker(db, exercise_channels, clock, bus, links=links, exercise=True)

    def wake(self) -> None:
        """New rows may be there, on either side. Cheap."""
        self.earnest.wake()
        self.exercise.wake()
