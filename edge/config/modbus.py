"""Modbus lines, and the devices that are read over them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.config.section import Name, PointLimits, Port, Seconds, Section, check_kind


class TcpBus(Section, frozen=True, kw_only=True, tag="tcp", tag_field="link"):
    """A Modbus TCP server, or a converter with serial units behind it."""

    name: Name
    host: Annotated[str, Meta(min_length=1)]
    port: Port = 502
    timeout_ms: Annotated[int, Meta(ge=20, le=10_000)] = 500
    gap_ms: Annotated[int, Meta(ge=0, le=1000)] = 0
    """Silence between two requests."""


class RtuBus(Section, frozen=True, kw_only=True, tag="rtu", tag_field="link"):
    """An RS-485 line. Speed and parity are the line's: all its units must be set to them."""

    name: Name
    device: Annotated[str, Meta(min_length=1, description='the port, best as "/dev/serial/by-id/…"')]
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    timeout_ms: Annotated[int, Meta(ge=20, le=10_000)] = 300
    gap_ms: Annotated[int, Meta(ge=0, le=1000)] = 10


class Source(Section, frozen=True, kw_only=True):
    """An instrument of a device: one Modbus unit and what its registers mean."""

    instrument: Name
    """Name of a file in ``firmware_configs/instruments``, without ``.toml``."""
    bus: Name
    unit: Annotated[int, Meta(ge=1, le=247, description="the unit's Modbus address, 1 to 247")]
    settings: dict[str, float] = msgspec.field(default_factory=dict)
    """What the instrument file asks for, for example ``mounting_height_m``."""
    inverted: bool = False
    """Bits mean the opposite, as with normally closed contacts."""


class Device(Section, frozen=True, kw_only=True):
    """A thing at a site that is sampled as one: one record, one line in the database.

    A river post with a level meter and a rain gauge is one device of two instruments: the second is in ``also``.
    """

    name: Name
    kind: str
    poll_s: Seconds = 1.0
    instrument: Name
    bus: Name
    unit: Annotated[int, Meta(ge=1, le=247, description="the unit's Modbus address, 1 to 247")]
    settings: dict[str, float] = msgspec.field(default_factory=dict)
    inverted: bool = False
    quantities: tuple[str, ...] = ()
    """Only these quantities of its instruments, as for a panel with free inputs; empty: all."""
    also: tuple[Source, ...] = ()
    points: dict[str, PointLimits] = msgspec.field(default_factory=dict)
    """Limits by quantity."""
    down_after: Annotated[int, Meta(ge=1, le=100)] = 2
    """Missed polls in a row after which the device is said to be down."""

    def __post_init__(self) -> None:
        check_kind(self.kind, self.points)

    @property
    def sources(self) -> tuple[Source, ...]:
        """All instruments of the device, the first one first."""
        first = Source(
            instrument=self.instrument,
            bus=self.bus,
            unit=self.unit,
            settings=self.settings,
            inverted=self.inverted,
        )
        return (first, *self.also)
