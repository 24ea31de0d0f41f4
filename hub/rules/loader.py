"""Makes the engine of a region, with what the hub knew before it last stopped."""

from __future__ import annotations

from collections.abc import Iterable

from hub.region import Region
from hub.rules.engine import Engine
from hub.rules.model import StationState


def load(region: Region, states: Iterable[StationState] = ()) -> Engine:
    """The engine of a region; ``states`` as ``hub.alarms.service.restore`` gives them."""
    engine = Engine(region.stations.values())
    engine.restore(states)
    return engine
