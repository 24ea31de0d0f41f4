"""A bus of 20 units with 200 registers, each polled once a second by one gateway; then with five units dead.

A unit answers ten registers, five numbers of 32 bits each, as energy meters do. *Wide* is the hard sort: numbers that
lie far apart among 198 registers, of which a poll reads 151 by two requests. ``python -m benchmarks bus``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.gateway import GatewayUnderTest, tcp_bus_toml
from benchmarks.receipts import receipts
from benchmarks.stations import CHANGED_EVERY_S, KIND, REGISTERS
from simulator.devices.modbus_server import ModbusServer
from simulator.devices.modbus_units import Answered, Fault, Unit
from simulator.servers import Mosquitto

UNITS = 20
DEAD = 5
POLL_S = 1.0
INSTRUMENT = "bench_meter"

SETTLE_S = 6.0
"""After the start, and after units have died: five that die together take 2.5 s until each is known to be silent."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the numbers of a unit lie.

    Attributes:
        apart: registers from the start of one number to the start of the next.
        max_gap: of the instrument's file: unwanted registers that may be read between two wanted ones.
    """

    name: str
    apart: int
    max_gap: int

    @property
    def addresses(self) -> list[int]:
        """The first of the two registers of each number."""
        return [self.apart * at for at in range(len(REGISTERS))]

    @property
    def registers(self) -> int:
        """Registers of a unit."""
        return self.addresses[-1] + 2


PLAIN = Layout("plain", apart=2, max_gap=0)
WIDE = Layout("wide", apart=49, max_gap=60)


def instrument_toml(layout: Layout) -> str:
    """A unit as an instrument file of Siaga."""
    out = [
        'title = "Meter of the benchmarks"',
        'sources = ["benchmarks/bus.py"]',
        'line = "Modbus TCP"',
        f"max_gap = {layout.max_gap}",
    ]
    for address, register in zip(layout.addresses, REGISTERS, strict=True):
        out += [
            "[[point]]",
            f'quantity = "{register.quantity}"',
            f'unit = "{register.unit}"',
            'table = "holding"',
            f"address = {address}",
            'type = "f32"',
        ]
    return "\n".join(out) + "\n"


def devices_toml(port: int) -> str:
    """The bus and all units on it, those that will die too."""
    wanted = ", ".join(f'"{register.quantity}"' for register in REGISTERS)
    return tcp_bus_toml(port) + "".join(
        f"""[[device]]
name = "meter-{unit:02d}"
kind = "{KIND}"
poll_s = {POLL_S}
instrument = "{INSTRUMENT}"
bus = "bus"
unit = {unit}
quantities = [{wanted}]
"""
        for unit in range(1, UNITS + 1)
    )


async def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Requests, processor and memory, plain and wide, with all units and with five dead."""
    broker = Mosquitto(folder / "broker")
    broker.start()
    try:
        with receipts(broker) as giver:
            found = {}
            for layout in (PLAIN,) if quick else (PLAIN, WIDE):
                gateway = GatewayUnderTest(f"bench-{layout.name}", folder / layout.name, broker, giver)
                found[layout.name] = await _both(gateway, layout, quick=quick)
            return found
    finally:
        broker.stop()


async def _both(gateway: GatewayUnderTest, layout: Layout, *, quick: bool) -> dict[str, Any]:
    answered: list[Answered] = []
    units = {number: Unit() for number in range(1, UNITS + 1)}
    change(list(units.values()), layout, Random(UNITS))
    seconds, settle_s, silent_s = (2.2, 0.3, 3.0) if quick else (20.0, SETTLE_S, SETTLE_S)
    async with ModbusServer(units, on_answered=answered.append) as server:
        changing = asyncio.create_task(_keep_changing(list(units.values()), layout))
        try:
            gateway.read(INSTRUMENT, instrument_toml(layout), devices_toml(server.port))
            await gateway.start()
            alive = await _window(gateway, answered, seconds, settle_s)
            for number in range(UNITS - DEAD + 1, UNITS + 1):
                units[number].fault = Fault("silent")
            dead = await _window(gateway, answered, seconds, silent_s)
            await gateway.stop()
        finally:
            changing.cancel()
    per_poll = len(REGISTERS) * UNITS
    return {"requests_unmerged_per_s": per_poll / POLL_S, "all": alive, "five_dead": dead}


async def _window(
    gateway: GatewayUnderTest, answered: list[Answered], seconds: float, settle_s: float
) -> dict[str, Any]:
    await asyncio.sleep(settle_s)
    answered.clear()
    spent, reading, arrivals = await gateway.spent(seconds)
    seen = list(answered)
    polls = {number: polled_ms(seen, number) for number in {one.unit for one in seen}}
    return {
        "units_answering": len(polls),
        "requests_per_s": round(len(seen) / spent.seconds, 1),
        "registers_per_s": round(sum(one.count for one in seen) / spent.seconds),
        "values_per_s": round(sum(one.values for one in arrivals) / spent.seconds, 1),
        "polls_per_unit_s": round(sum(map(len, polls.values())) / len(polls) / spent.seconds, 3),
        "longest_gap_s": round(max(longest_gap_ms(times) for times in polls.values()) / 1000, 2),
        "cpu_pct": round(spent.cpu_pct, 2),
        "rss_mb": round(reading.rss_mb, 1),
    }


def polled_ms(seen: Sequence[Answered], unit: int) -> list[int]:
    """When a unit was polled: a poll of more than one request begins with the lowest address."""
    first = min(one.address for one in seen if one.unit == unit)
    return [one.time_ms for one in seen if one.unit == unit and one.address == first]


def longest_gap_ms(times_ms: Sequence[int]) -> int:
    """The longest time between two polls; 0 where there are not two."""
    return max((later - sooner for sooner, later in pairwise(times_ms)), default=0)


async def _keep_changing(units: Sequence[Unit], layout: Layout) -> None:
    random = Random(1)
    while True:
        await asyncio.sleep(CHANGED_EVERY_S)
        change(units, layout, random)


def change(units: Sequence[Unit], layout: Layout, random: Random) -> None:
    """Show other numbers at every unit."""
    for unit in units:
        if not unit.holding:
            unit.set_registers("holding", 0, [0] * layout.registers)
        for address, register in zip(layout.addresses, REGISTERS, strict=True):
            unit.set_f32("holding", address, random.uniform(register.low, register.high))
