"""What feeds the walls: the measures that are no samples."""

from __future__ import annotations

from hub.api.services import Services
from hub.kpis.projector import Projector
from hub.kpis.sources import Sources
from hub.parts.ground import Ground, Tasks


class Walls:
    """What InfluxDB gets beside the samples; nothing where there is none."""

    def __init__(self, ground: Ground, services: Services) -> None:
        self._projector: Projector | None = None
        if ground.tiers is not None:
            sources = Sources(
                gateways=services.gateways,
                unheard=services.unheard,
                levels=services.levels,
                panels=services.panels,
                pipeline=services.pipeline,
                operators=services.operators,
            )
            self._projector = Projector(ground.db, ground.clock, ground.region, ground.tiers, sources)

    def tasks(self) -> Tasks:
        """What runs."""
        return {} if self._projector is None else {"kpis": self._projector.run()}
