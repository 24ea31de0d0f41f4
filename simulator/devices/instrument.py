"""A fake instrument: a Modbus unit that shows given values the way a real one of that description would."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from edge.drivers.instruments import Instrument, Point, Register
from simulator.devices.modbus_units import Unit

_FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "f32": ">f"}


class FakeInstrument:
    """Encodes values into the registers of `unit`. Set up rightly: the identity registers hold what is expected.

    Args:
        instrument: the description, as ``edge.drivers.instruments.Library().load(name)`` gives it.
        settings: the site's numbers, as in the gateway's configuration.
        decimals: what it writes into registers that say how many decimals its value has.
    """

    def __init__(
        self, instrument: Instrument, settings: Mapping[str, float] | None = None, *, decimals: int = 3
    ) -> None:
        self.unit = Unit()
        self._instrument = instrument
        self._settings = instrument.settings(settings or {})
        self._decimals = decimals
        self._points = {point.quantity: point for point in instrument.points}
        for identity in instrument.identity:
            self._write(identity, identity.one_of[0])
        for point in self._points.values():
            if point.decimals_at is not None:
                self._word(point, point.decimals_at, decimals)
            if point.invalid_bits is not None:
                self._word(point, point.invalid_bits.address, 0)
            self._write(point, 0)

    def show(self, quantity: str, value: float | None) -> None:
        """Show this value from now on; None is the instrument's own word for no value.

        Raises:
            KeyError: the instrument has no such quantity.
            ValueError: it has no way to say that it has no value.
        """
        for derived in self._instrument.derived:
            if derived.quantity == quantity:
                quantity = derived.source
                if value is not None:
                    setting = self._settings[derived.setting] if derived.setting is not None else 0.0
                    value = (value - setting - derived.offset) / derived.factor
        point = self._points[quantity]
        if value is None:
            self._show_nothing(point)
            return
        if point.invalid_bits is not None:
            self._word(point, point.invalid_bits.address, 0)
        if point.type == "bit":
            self._write(point, int(value))
            return
        decimals = 0 if point.decimals_at is None else self._decimals
        raw = (value - point.offset) * 10**decimals / point.scale
        self._write(point, raw if point.type == "f32" else round(raw))

    def _show_nothing(self, point: Point) -> None:
        if point.invalid:
            code = point.invalid[0].to_bytes(point.width * 2, "big")
            self._write(point, struct.unpack(_FORMATS[point.type], code)[0])
        elif point.invalid_bits is not None:
            self._word(point, point.invalid_bits.address, point.invalid_bits.mask)
        elif point.type == "f32":
            self._write(point, float("nan"))
        else:
            raise ValueError(f"{self._instrument.title} cannot say that it has no {point.quantity}")

    def _word(self, point: Point, address: int, word: int) -> None:
        assert point.table in ("holding", "input")
        self.unit.set_registers(
            "holding" if point.table == "holding" else "input",
            address - self._instrument.address_base,
            [word],
        )

    def _write(self, register: Register, raw: float) -> None:
        address = register.address - self._instrument.address_base
        if register.table in ("coil", "discrete"):
            self.unit.set_bits("coil" if register.table == "coil" else "discrete", address, [bool(raw)])
            return
        number = raw if register.type == "f32" else int(raw)
        plain = struct.pack(_FORMATS[register.type], number)
        if register.width == 1:
            wire = plain[::-1] if register.word_order in ("BADC", "DCBA") else plain
        else:
            wire = bytes(plain["ABCD".index(letter)] for letter in register.word_order)
        words = struct.unpack(f">{register.width}H", wire)
        self.unit.set_registers("holding" if register.table == "holding" else "input", address, words)
