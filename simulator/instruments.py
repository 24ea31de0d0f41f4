"""The devices of the city from the other side: what they show, and what a gateway can have read of it.

What an answer means is worked out here once more, apart from the gateway's arithmetic, so that the two
check each other; only the instrument files are shared.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from edge.drivers.instruments import Instrument, Point
from simulator.devices.instrument import FakeInstrument
from simulator.devices.modbus_units import FUNCTIONS, Answered, Unit

Value = float | int | None

DECIMALS = 3
"""How many an instrument with a register for it is set to."""


@dataclass(frozen=True)
class Part:
    """One instrument of a device, at its Modbus unit.

    Attributes:
        settings: what its site gave it.
        quantities: what a gateway reads it for.
    """

    instrument: Instrument
    unit: int
    settings: Mapping[str, float]
    quantities: tuple[str, ...]

    def fake(self) -> FakeInstrument:
        """A new unit that shows what this instrument would."""
        return FakeInstrument(self.instrument, self.settings, decimals=DECIMALS)

    def read(self, answered: Answered) -> Iterator[tuple[str, Value]]:
        """What the answer says, by quantity; None where the instrument says that it has no value."""
        for point in self.instrument.points:
            raw = _raw(point, point.address - self.instrument.address_base, answered)
            if raw is None:
                continue
            value = None if _unsigned(point, raw) in point.invalid else _scaled(point, raw)
            if point.quantity in self.quantities:
                yield point.quantity, value
            for derived in self.instrument.derived:
                if derived.source != point.quantity or derived.quantity not in self.quantities:
                    continue
                if value is None:
                    yield derived.quantity, None
                else:
                    given = self.instrument.settings(self.settings)
                    setting = given[derived.setting] if derived.setting else 0.0
                    yield derived.quantity, value * derived.factor + derived.offset + setting


@dataclass(frozen=True)
class CityDevice:
    """A device of a gateway: one or more instruments that are sampled as one."""

    gateway: str
    device: str
    kind: str
    parts: Sequence[Part]


class Showing:
    """A device while it runs: its units, and what they show."""

    def __init__(self, device: CityDevice) -> None:
        self._fakes = [(part, part.fake()) for part in device.parts]

    @property
    def units(self) -> dict[int, Unit]:
        """Its Modbus units by address."""
        return {part.unit: fake.unit for part, fake in self._fakes}

    def show(self, values: Mapping[str, float]) -> None:
        """Show these values from now on, each where it is measured."""
        for part, fake in self._fakes:
            for quantity in part.instrument.quantities:
                if quantity in values:
                    fake.show(quantity, values[quantity])


_FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "f32": ">f"}


def _scaled(point: Point, raw: float) -> float:
    if point.decimals_at is not None:
        raw /= 10**DECIMALS
    return raw * point.scale + point.offset


def _raw(point: Point, address: int, answered: Answered) -> float | None:
    """The number in the answer, None where the answer is about something else."""
    at = address - answered.address
    if FUNCTIONS[answered.function] != point.table or at < 0 or at + point.width > answered.count:
        return None
    words = answered.values[at : at + point.width]
    if point.type == "bit":
        return words[0]
    data = struct.pack(f">{len(words)}H", *words)
    if len(data) == 4:
        data = bytes(data[point.word_order.index(letter)] for letter in "ABCD")
    raw = cast(float, struct.unpack(_FORMATS[point.type], data)[0])
    return _meant(raw) if point.type == "f32" else raw


def _meant(raw: float) -> float:
    """The shortest decimal that is this 32-bit float: an instrument that says 0.477 means 0.477."""
    for digits in range(1, 9):
        short = float(f"{raw:.{digits}g}")
        if struct.pack(">f", short) == struct.pack(">f", raw):
            return short
    return float(f"{raw:.9g}")


def _unsigned(point: Point, raw: float) -> int:
    """The raw number as the unsigned one in which invalid codes are given."""
    if point.type == "f32":
        return cast(int, struct.unpack(">I", struct.pack(">f", raw))[0])
    return int(raw) & (0xFFFF if point.width == 1 else 0xFFFFFFFF)
