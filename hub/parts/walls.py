"""What feeds the walls: the measures that are no samples, and the rollups of all."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from hub.api.services import Services
from hub.kpis.projector import Projector
from hub.kpis.sources import Sources
from hub.parts.ground import Ground, Tasks
from hub.parts.intake import Intake
from hub.rollups.marks import Marks
from hub.rollups.roller import Roller
from hub.rollups.worker import Rollups


class Walls:
    """What InfluxDB gets beside the samples; nothing where there is none."""

    def __init__(self, ground: Ground, services: Services, intake: Intake) -> None:
        self._rollups: Rollups | None = None
        if ground.tiers is None:
            return
        sources = Sources(
            gateways=services.gateways,
            unheard=services.unheard,
            levels=services.levels,
            panels=services.panels,
            pipeline=services.pipeline,
            operators=services.operators,
            attendance_s=ground.config.kpis.attendance_s,
            programmes=services.programmes,
        )
        self._marks = Marks(ground.db)
        self._projector = Projector(
            ground.db, ground.clock, ground.region, ground.tiers, sources, marks=self._marks
        )
        intake.mark_late(self._marks)
        self._rollups = Rollups(
            ground.db,
            ground.clock,
            self._marks,
            Roller(ground.tiers, ZoneInfo(ground.region.zone)),
            busy=intake.busy,
        )

    def tasks(self) -> Tasks:
        """What runs."""
        if self._rollups is None:
            return {}
        return {
            "kpis": self._projector.run(),
            "rollups": self._rollups.run(),
            "rollup-marks": self._marks.save(),
        }

    def numbers(self) -> dict[str, Any] | None:
        """Of the rollups, for the pipeline's page; None where there are none."""
        if self._rollups is None:
            return None
        return {"waiting": self._rollups.waiting, "lag_ms": self._rollups.lag_ms}
