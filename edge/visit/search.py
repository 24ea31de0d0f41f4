"""``siaga-edge scan``: what is connected to this box. It only reads, and asks each address once."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from edge.clock import SystemClock
from edge.config import Config, RtuBus, TcpBus
from edge.drivers import registers
from edge.drivers.ads1115 import I2c, LinuxI2c
from edge.drivers.base import MissedPollError
from edge.drivers.instruments import Instrument, Library, Table
from edge.drivers.modbus import Bus
from edge.drivers.registers import Request
from edge.errors import OrderError

ASKED = Request("holding", 0, 1)
"""The first holding register: a unit without it answers too, by refusing."""

I2C_ADDRESSES = range(0x08, 0x78)
CHIPS = {
    **dict.fromkeys(range(72, 76), "ADS1115"),
    0x68: "DS3231, jam / clock",
    0x76: "BME280",
    0x77: "BME280",
}
"""What usually answers there. An address proves nothing."""


def bus_of(config: Config, name: str) -> TcpBus | RtuBus:
    """The bus of that name.

    Raises:
        OrderError: there is none.
    """
    for bus in config.bus:
        if bus.name == name:
            return bus
    known = ", ".join(bus.name for bus in config.bus) or "none is configured"
    raise OrderError("bus", f"no bus is called {name!r}", known)


async def modbus(
    settings: TcpBus | RtuBus, units: Iterable[int], library: Library
) -> AsyncIterator[tuple[int, str]]:
    """(unit, what it seems to be) of every unit that answers, each as soon as it has.

    Raises:
        OrderError: the line cannot be opened.
    """
    bus = Bus(settings, clock=SystemClock())
    known = [library.load(name) for name in library.names()]
    try:
        for unit in units:
            try:
                await bus.read(unit, ASKED)
            except MissedPollError as missed:
                if missed.reason == "bus_down":
                    raise OrderError(missed.reason, missed.message, missed.hint) from missed
                if missed.reason != "exception":
                    if missed.reason == "garbage":
                        yield (
                            unit,
                            "menjawab tidak jelas / answers nonsense: two units with one address, or the speed",
                        )
                    continue
            found = [each.title for each in known if each.identity and await _is(bus, unit, each)]
            yield unit, ", ".join(found) or "tidak dikenal / no instrument file knows it"
    finally:
        bus.close()


async def _is(bus: Bus, unit: int, instrument: Instrument) -> bool:
    words: dict[tuple[Table, int], int] = {}
    for request in registers.identity_requests(instrument):
        try:
            values = await bus.read(unit, request)
        except MissedPollError:
            return False
        words.update({(request.table, request.address + at): value for at, value in enumerate(values)})
    return not registers.stranger(instrument, words)


def i2c(number: int, bus: I2c | None = None) -> Iterator[tuple[int, str]]:
    """(address, what usually is there) of every chip that acknowledges.

    Raises:
        OrderError: there is no such bus, or this account may not open it.
    """
    bus = bus or LinuxI2c(number)
    for address in I2C_ADDRESSES:
        try:
            bus.transfer(address, b"", 1)
        except (FileNotFoundError, PermissionError) as error:
            hint = "raspi-config nonint do_i2c 0, and adduser siaga i2c"
            raise OrderError("i2c", str(error), hint) from error
        except OSError as error:
            if error.errno == errno.EBUSY:
                yield address, "dipakai kernel / in use by the kernel"
            continue
        yield address, CHIPS.get(address, "tidak dikenal / unknown")


def serial(root: Path = Path("/dev")) -> Iterator[tuple[str, str]]:
    """(path to write into the configuration, port behind it) of every serial port that stays the same by its id."""
    named = set()
    for link in sorted((root / "serial" / "by-id").glob("*")):
        port = link.resolve()
        named.add(port)
        yield str(link), port.name
    for port in sorted(
        [*root.glob("ttyUSB*"), *root.glob("ttyACM*"), *root.glob("ttyAMA*"), *root.glob("ttyS[0-3]")]
    ):
        if port.resolve() not in named:
            yield str(port), "tanpa id tetap / no name that stays"
