"""What the gateways of the benchmarks read: weather stations with five registers each behind one Modbus TCP server.

Ten of them, asked once a second, give 50 values a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from random import Random

from simulator.devices.modbus_server import ModbusServer
from simulator.devices.modbus_units import Unit

KIND = "weather"


@dataclass(frozen=True, slots=True)
class Register:
    """A holding register: what it measures, and how. The value is the signed raw number times the scale."""

    quantity: str
    unit: str
    scale: float
    low: float
    high: float


REGISTERS = (
    Register("temperature_c", "°C", 0.1, 22, 34),
    Register("humidity_pct", "%", 0.1, 55, 98),
    Register("wind_m_s", "m/s", 0.01, 0, 12),
    Register("rain_mm", "mm", 0.2, 0, 400),
    Register("battery_v", "V", 0.01, 11.5, 13.8),
)

CHANGED_EVERY_S = 0.5
"""Every value is a new one at each poll of a second."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much is read.

    Attributes:
        stations: at units 1, 2, …
        poll_s: seconds between two polls of a station.
    """

    stations: int = 10
    poll_s: float = 1.0

    @property
    def values_per_s(self) -> float:
        """What a gateway that keeps the rhythm reads."""
        return self.stations * len(REGISTERS) / self.poll_s

    @property
    def names(self) -> list[str]:
        """Names of the stations, in the order of their units."""
        return [f"cuaca-{unit:03d}" for unit in range(1, self.stations + 1)]


STEADY = Load()
"""50 values a second."""


@contextlib.asynccontextmanager
async def served(load: Load) -> AsyncIterator[ModbusServer]:
    """The stations on a free port, their weather changing."""
    units = {unit: Unit() for unit in range(1, load.stations + 1)}
    random = Random(load.stations)
    change(list(units.values()), random)
    async with ModbusServer(units) as server:
        changing = asyncio.create_task(_keep_changing(list(units.values()), random))
        try:
            yield server
        finally:
            changing.cancel()


async def _keep_changing(units: Sequence[Unit], random: Random) -> None:
    while True:
        await asyncio.sleep(CHANGED_EVERY_S)
        change(units, random)


def change(units: Sequence[Unit], random: Random) -> None:
    """Show other weather at every station."""
    for unit in units:
        unit.set_registers("holding", 0, [round(random.uniform(r.low, r.high) / r.scale) for r in REGISTERS])


def instrument_toml() -> str:
    """A station as an instrument file of Siaga."""
    out = [
        'title = "Weather station of the benchmarks"',
        'sources = ["benchmarks/stations.py"]',
        'line = "Modbus TCP"',
    ]
    for address, register in enumerate(REGISTERS):
        out += [
            "[[point]]",
            f'quantity = "{register.quantity}"',
            f'unit = "{register.unit}"',
            'table = "holding"',
            f"address = {address}",
            'type = "i16"',
            f"scale = {register.scale}",
        ]
    return "\n".join(out) + "\n"
