"""Drivers with a hand on the device behind them, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from msgspec.structs import replace

from edge.config import RtuBus, TcpBus, Wave
from edge.drivers.instruments import Library
from edge.drivers.modbus import Bus, ModbusDriver, Source
from edge.drivers.simulated import SimulatedDriver
from simulator.devices.instrument import FakeInstrument
from simulator.devices.modbus_units import Fault

LIBRARY = Library()


class FakeClock:
    """A boot clock that goes on only when it is told to."""

    def __init__(self, mono_ms: int = 1_000_000) -> None:
        self.mono = mono_ms

    def mono_ms(self) -> int:
        return self.mono

    def now_ms(self) -> int:
        return 1_700_000_000_000 + self.mono

    def boot_id(self) -> str:
        return "0123456789abcdef"

    def discipline(self):
        raise AssertionError("no driver asks for it")


def fake(name: str, **settings: float) -> FakeInstrument:
    return FakeInstrument(LIBRARY.load(name), settings)


def driver(bus: Bus, clock: FakeClock, *, unit: int, name: str, kind: str, **settings: float) -> ModbusDriver:
    source = Source(bus, unit, LIBRARY.load(name), settings)
    return ModbusDriver(f"{name}-{unit}", kind, [source], clock=clock)


PATIENCE_MS = 2000
"""How long the buses of tests wait for a unit that will answer: the machine may have much else to do."""

HASTE_MS = 100
"""How long they wait for one of which the test knows that it will not."""


@contextmanager
def hasty(bus: Bus) -> Iterator[None]:
    """Nothing that is asked here is answered, so nobody waits for it long."""
    patient = bus._settings
    bus._settings = replace(patient, timeout_ms=HASTE_MS)
    try:
        yield
    finally:
        bus._settings = patient


def tcp(port: int, *, timeout_ms: int = PATIENCE_MS, gap_ms: int = 0) -> TcpBus:
    return TcpBus(name="tcp", host="127.0.0.1", port=port, timeout_ms=timeout_ms, gap_ms=gap_ms)


def rtu(path: str, *, timeout_ms: int = PATIENCE_MS) -> RtuBus:
    return RtuBus(name="rtu", device=path, timeout_ms=timeout_ms, gap_ms=2)


class ModbusRig:
    """A URM14 looking down on a river, on whatever bus."""

    def __init__(self, bus: Bus, instrument: FakeInstrument, clock: FakeClock) -> None:
        self.clock = clock
        self.bus = bus
        self._fake = instrument
        self._haste = ExitStack()
        self.driver = driver(
            bus, clock, unit=12, name="dfrobot_urm14", kind="river_post", mounting_height_m=6.5
        )

    async def show(self, quantity: str, value: float | None) -> None:
        self._fake.show(quantity, value)

    async def silence(self, silent: bool) -> None:
        self._fake.unit.fault = Fault("silent" if silent else "none")
        self._haste.close()
        if silent:
            self._haste.enter_context(hasty(self.bus))

    async def rested(self) -> None:
        self.clock.mono += 60_000


class SimulatedRig:
    def __init__(self, clock: FakeClock) -> None:
        waves: Mapping[str, Wave] = {"level_m": Wave(mean=1.0), "distance_m": Wave(mean=5.5)}
        self.driver = SimulatedDriver("pos", "river_post", waves, clock=clock)

    async def show(self, quantity: str, value: float | None) -> None:
        self.driver.set(quantity, value)

    async def silence(self, silent: bool) -> None:
        self.driver.silence(silent)

    async def rested(self) -> None:
        return
