"""What every part of a hub stands on."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from contract.messages import Incarnation
from hub.agencies.current import Current
from hub.bus import Bus
from hub.clock import Clock
from hub.config import HubConfig
from hub.db import Database
from hub.ingest.accept import Registered
from hub.ingest.pipeline import Pipeline
from hub.notify.channels.base import Channel
from hub.notify.links import Links
from hub.outbound import Outbound
from hub.region import Region
from hub.rules.model import StationState
from hub.series.influx import Influx
from hub.series.tiers import Tiers

Tasks = dict[str, Coroutine[Any, Any, None]]
"""What runs, by name; each until cancelled."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the store knew at start."""

    inc: Incarnation
    setup_code: str | None
    states: list[StationState]
    gateways: Sequence[Any]
    directories: Current


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the process has opened, and what all parts share.

    Attributes:
        channels: by which people are told, by their id.
        exercise_channels: by which exercises reach those who take part, and nothing else does.
        links: by which contacts answer; None where none are made.
        influx: None where the hub keeps no series.
        tiers: the same database, and those for the minutes and for hours and days; None likewise.
        known: the gateways of the region, by id.
        profiled: the region as the profile's files say it; ``region`` has what people changed on pages, too.
    """

    config: HubConfig
    clock: Clock
    random: Random
    db: Database
    region: Region
    memory: Memory
    channels: Mapping[str, Channel]
    exercise_channels: Mapping[str, Channel]
    links: Links | None
    influx: Influx | None
    tiers: Tiers | None
    outbound: Outbound
    bus: Bus
    pipeline: Pipeline
    known: Mapping[str, Registered]
    profiled: Region

    @property
    def every_channel(self) -> Mapping[str, Channel]:
        """Those of exercises too: for who hears what comes back, never for who tells somebody something."""
        return {**self.channels, **self.exercise_channels}
