"""Instruments with a line, a pin or a channel of their own."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contract.kinds import KINDS
from contract.strict_toml import Mistake, MistakesError, closest
from edge.config.section import Name, Pin, PointLimits, Seconds, Section, check_kind


class Ultrasonic(Section, frozen=True, kw_only=True):
    """A level sensor that sends distances by itself on a serial line of its own (ME007, A02 class)."""

    name: Name
    kind: Literal["river_post"] = "river_post"
    device: Annotated[str, Meta(min_length=1, description='the port, best as "/dev/serial/by-id/…"')]
    mounting_height_m: Annotated[float, Meta(gt=0, le=30)]
    """Height of the sensor's face above the zero of the staff gauge."""
    blind_m: Annotated[float, Meta(gt=0, le=2)] = 0.3
    range_m: Annotated[float, Meta(gt=0, le=30)] = 4.5
    poll_s: Annotated[float, Meta(ge=1, le=3600)] = 2.0
    points: dict[str, PointLimits] = msgspec.field(default_factory=dict)
    down_after: Annotated[int, Meta(ge=1, le=100)] = 2

    def __post_init__(self) -> None:
        check_kind(self.kind, self.points)
        if self.blind_m >= self.range_m:
            text = f"blind_m {self.blind_m:g} is not below range_m {self.range_m:g}"
            raise MistakesError(Mistake(text, at=("blind_m",)))


class RainGauge(Section, frozen=True, kw_only=True):
    """A rain gauge with a tipping bucket, whose contact closes a GPIO line to ground."""

    name: Name
    pin: Pin
    mm_per_tip: Annotated[float, Meta(gt=0, le=2, description="millimetres, for example 0.2 or 0.254")]
    debounce_ms: Annotated[int, Meta(ge=5, le=1000)] = 80
    """Closings within so long of a tip are its bounce."""
    poll_s: Seconds = 10.0
    points: dict[str, PointLimits] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        check_kind("rain_gauge", self.points)


class CurrentLoop(Section, frozen=True, kw_only=True):
    """An instrument of 4 to 20 mA at a channel of an ADS1115."""

    name: Name
    kind: str
    quantity: str
    """What it measures, of its kind."""
    i2c_bus: Annotated[int, Meta(ge=0, le=32)] = 1
    address: Annotated[int, Meta(ge=0x48, le=0x4B, description="0x48 to 0x4B")] = 0x48
    channel: Annotated[int, Meta(ge=0, le=3)]
    shunt_ohm: Annotated[float, Meta(ge=50, le=190)] = 150.0
    """Its true value, measured; 21 mA must stay below 4.096 V."""
    at_4_ma: float
    at_20_ma: float
    """What these currents mean, in the quantity's unit."""
    poll_s: Seconds = 1.0
    points: dict[str, PointLimits] = msgspec.field(default_factory=dict)
    down_after: Annotated[int, Meta(ge=1, le=100)] = 2

    def __post_init__(self) -> None:
        check_kind(self.kind, self.points)
        known = KINDS[self.kind].quantities
        mistakes = []
        if self.quantity not in known:
            text = f"{self.kind} has no quantity {self.quantity!r}"
            mistakes.append(Mistake(text, at=("quantity",), instead=closest(self.quantity, known)))
        elif known[self.quantity].type == "int":
            mistakes.append(
                Mistake(f"{self.quantity} is a count", at=("quantity",), instead="what is measured")
            )
        if self.at_4_ma == self.at_20_ma:
            mistakes.append(Mistake("both currents mean the same", at=("at_20_ma",)))
        if mistakes:
            raise MistakesError(*mistakes)


class BedRadar(Section, frozen=True, kw_only=True):
    """A presence radar LD2410 over a bed, on a serial port of its own."""

    name: Name
    device: Annotated[str, Meta(min_length=1, description='the port, best as "/dev/serial/by-id/…"')]
    range_m: Annotated[float, Meta(gt=0, le=6)] = 2.0
    """What is further away is not in this bed."""
    occupied_s: Annotated[float, Meta(ge=0, le=60)] = 2.0
    vacant_s: Annotated[float, Meta(ge=1, le=600)] = 20.0
    """How long a person must be seen, or not, before the bed counts as taken or free."""
    poll_s: Annotated[float, Meta(ge=0.5, le=60)] = 1.0
    down_after: Annotated[int, Meta(ge=1, le=100)] = 3
