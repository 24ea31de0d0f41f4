"""Instruments from the other side: what their registers hold when they measure something, and what a
gateway can have read from what they answered.

The meaning of registers comes from the same instrument files as the gateway's, the arithmetic does not: it is
written here once more, so that the two check each other.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from edge.drivers.instruments import Instrument, Point
from simulator.devices.modbus_units import FUNCTIONS, Answered, Unit

Value = float | int | None

DECIMALS = 3
"""How many an instrument with a register for it is set to."""


@dataclass(frozen=True)
class FakeInstrument:
    """An instrument at a Modbus unit, with the settings that its site gave it."""

    instrument: Instrument
    unit: int
    settings: Mapping[str, float] = field(default_factory=dict)

    def prepare(self, unit: Unit) -> None:
        """Set every register that a gateway reads: identity and decimals as they must be, values to their
        low."""
        for identity in self.instrument.identity:
            at = self._wire(identity.address)
            _store(
                unit, identity.table, at, identity.one_of[0], kind=identity.type, order=identity.word_order
            )
        for point in self.instrument.points:
            if point.decimals_at is not None:
                _store(unit, point.table, self._wire(point.decimals_at), DECIMALS)
            if point.invalid_bits is not None:
                _store(unit, point.table, self._wire(point.invalid_bits.address), 0)
            low = point.min if point.min is not None and math.isfinite(point.min) else 0.0
            self._measure(unit, point, max(low, 0.0))

    def show(self, unit: Unit, values: Mapping[str, float]) -> None:
        """Measure these values from now on; quantities that the instrument does not have are left alone."""
        for point in self.instrument.points:
            if point.quantity in values:
                self._measure(unit, point, values[point.quantity])
        for derived in self.instrument.derived:
            if derived.quantity in values and derived.source not in values:
                offset = derived.offset + self._setting(derived.setting)
                source = (values[derived.quantity] - offset) / derived.factor
                point = next(one for one in self.instrument.points if one.quantity == derived.source)
                self._measure(unit, point, source)

    def read(self, answered: Answered) -> Iterator[tuple[str, Value]]:
        """What the answer says, by quantity; None where the instrument says that it has no value."""
        for point in self.instrument.points:
            raw = _raw(point, self._wire(point.address), answered)
            if raw is None:
                continue
            value = None if _unsigned(point, raw) in point.invalid else self._scaled(point, raw)
            yield point.quantity, value
            for derived in self.instrument.derived:
                if derived.source == point.quantity:
                    if value is None:
                        yield derived.quantity, None
                    else:
                        offset = derived.offset + self._setting(derived.setting)
                        yield derived.quantity, value * derived.factor + offset

    @property
    def quantities(self) -> tuple[str, ...]:
        """What it gives."""
        return self.instrument.quantities

    def _wire(self, address: int) -> int:
        return address - self.instrument.address_base

    def _setting(self, name: str | None) -> float:
        return self.instrument.settings(self.settings)[name] if name is not None else 0.0

    def _measure(self, unit: Unit, point: Point, value: float) -> None:
        number = (value - point.offset) / point.scale
        if point.decimals_at is not None:
            number *= 10**DECIMALS
        at = self._wire(point.address)
        _store(unit, point.table, at, number, kind=point.type, order=point.word_order)

    def _scaled(self, point: Point, raw: float) -> float:
        if point.decimals_at is not None:
            raw /= 10**DECIMALS
        return raw * point.scale + point.offset


_FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "f32": ">f"}


def _store(
    unit: Unit, table: str, address: int, value: float, *, kind: str = "u16", order: str = "ABCD"
) -> None:
    if kind == "bit":
        unit.set_bits(cast(Literal["coil", "discrete"], table), address, (round(value),))
        return
    whole: float | int = value if kind == "f32" else round(value)
    data = struct.pack(_FORMATS[kind], whole)
    if len(data) == 4:
        data = bytes(data["ABCD".index(letter)] for letter in order)
    words = struct.unpack(f">{len(data) // 2}H", data)
    unit.set_registers(cast(Literal["holding", "input"], table), address, words)


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
    return cast(float, struct.unpack(_FORMATS[point.type], data)[0])


def _unsigned(point: Point, raw: float) -> int | None:
    """The raw number as the unsigned one in which invalid codes are given."""
    if point.type == "f32":
        return cast(int, struct.unpack(">I", struct.pack(">f", raw))[0])
    return int(raw) & (0xFFFF if point.width == 1 else 0xFFFFFFFF)


@dataclass(frozen=True)
class FakeDevice:
    """A device of a gateway: one or more instruments that are sampled as one."""

    gateway: str
    device: str
    kind: str
    instruments: Sequence[FakeInstrument]

    def units(self) -> dict[int, Unit]:
        """Its Modbus units, ready to be read."""
        units: dict[int, Unit] = {}
        for one in self.instruments:
            one.prepare(units.setdefault(one.unit, Unit()))
        return units

    def show(self, units: Mapping[int, Unit], values: Mapping[str, float]) -> None:
        """Measure these values from now on."""
        for one in self.instruments:
            one.show(units[one.unit], values)

    def read(self, answered: Answered) -> Iterator[tuple[str, Value]]:
        """What the answer of one of its units says, by quantity."""
        for one in self.instruments:
            if one.unit == answered.unit:
                yield from one.read(answered)
