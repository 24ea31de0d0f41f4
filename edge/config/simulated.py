"""Devices without hardware."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from contract.strict_toml import Mistake, MistakesError
from edge.config.section import Name, PointLimits, Positive, Seconds, Section, check_kind


class Wave(Section, frozen=True, kw_only=True):
    """A value that a simulated device shows: ``mean + amplitude * sin(2 pi t / period_s)``."""

    mean: float
    amplitude: float = 0.0
    period_s: Positive = 3600.0


class SimulatedDevice(Section, frozen=True, kw_only=True):
    """A device without hardware, for the bench and for rehearsals."""

    name: Name
    kind: str
    poll_s: Seconds = 1.0
    values: dict[str, Wave]
    points: dict[str, PointLimits] = msgspec.field(default_factory=dict)
    down_after: Annotated[int, Meta(ge=1, le=100)] = 2

    def __post_init__(self) -> None:
        if not self.values:
            raise MistakesError(Mistake("a simulated device without values", at=("values",)))
        check_kind(self.kind, self.points, self.values)
