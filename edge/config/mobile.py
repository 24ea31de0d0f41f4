"""What moves, and what looks on: positions of vehicles, and cameras."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from contract.strict_toml import Mistake, MistakesError
from edge.config.section import Name, PointLimits, Port, Section, check_kind


class Gpsd(Section, frozen=True, kw_only=True):
    """A gpsd, on the board or near it."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Port = 2947
    receiver: str | None = None
    """Path of the receiver, where gpsd has several."""


class Gps(Section, frozen=True, kw_only=True):
    """Where a vehicle is, by gpsd or by a receiver that speaks NMEA on a port of its own."""

    name: Name
    device: str | None = None
    """The port of the receiver, best as "/dev/serial/by-id/…"."""
    baud: Annotated[int, Meta(ge=4800, le=921_600)] = 9600
    gpsd: Gpsd | None = None
    poll_s: Annotated[float, Meta(ge=1, le=3600)] = 10.0
    points: dict[str, PointLimits] = msgspec.field(default_factory=dict)
    down_after: Annotated[int, Meta(ge=1, le=100)] = 3

    def __post_init__(self) -> None:
        check_kind("vehicle", self.points)
        if (self.device is None) == (self.gpsd is None):
            raise MistakesError(
                Mistake(
                    "either a device or a gpsd",
                    at=("device",),
                    instead="one of both: a receiver has one reader",
                )
            )
