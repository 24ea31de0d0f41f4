"""Who is told: people by the outbox, open pages by the bus."""

from __future__ import annotations

from hub.incidents.service import Incidents
from hub.notify.sides import Sides
from hub.parts.ground import Ground, Tasks
from hub.told import Told


class Telling:
    """What goes out when something has happened.

    Attributes:
        notify: sends what the outbox holds.
        told: the consequences of events, and who hears of them.
    """

    def __init__(self, ground: Ground) -> None:
        self.notify = Sides(
            ground.db,
            ground.channels,
            ground.exercise_channels,
            ground.clock,
            ground.bus,
            links=ground.links,
        )
        self.told = Told(ground.bus, self.notify, Incidents(ground.region))

    def tasks(self) -> Tasks:
        """What runs."""
        return {"notify": self.notify.earnest.run(), "notify-exercise": self.notify.exercise.run()}
