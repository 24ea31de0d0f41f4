"""Every driver under the same suite: Modbus TCP and RTU against peers on a real wire, and the simulated one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge.config import Wave
from edge.drivers.modbus import Bus
from edge.drivers.simulated import SimulatedDriver
from simulator.devices.modbus_server import ModbusServer
from simulator.devices.serial_line import SerialLine
from tests.edge.drivers.rigs import FakeClock, ModbusRig, SimulatedRig, driver, fake, rtu, tcp
from tests.suites.driver_suite import DriverSuite


@pytest.mark.real
class TestModbusTcp(DriverSuite):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[ModbusRig]:
        clock, gauge = FakeClock(), fake("dfrobot_urm14", mounting_height_m=6.5)
        async with ModbusServer({12: gauge.unit}) as server:
            bus = Bus(tcp(server.port), clock=clock)
            yield ModbusRig(bus, gauge, clock)
            bus.close()


@pytest.mark.real
class TestModbusRtu(DriverSuite):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[ModbusRig]:
        clock, gauge = FakeClock(), fake("dfrobot_urm14", mounting_height_m=6.5)
        async with SerialLine({12: gauge.unit}) as line:
            bus = Bus(rtu(line.path), clock=clock)
            yield ModbusRig(bus, gauge, clock)
            bus.close()


class TestSimulated(DriverSuite):
    @pytest.fixture
    def rig(self) -> SimulatedRig:
        return SimulatedRig(FakeClock())


async def test_a_simulated_wave_moves_with_the_boot_clock():
    clock = FakeClock(0)
    sine = SimulatedDriver("a", "river_post", {"level_m": Wave(mean=2, amplitude=1, period_s=4)}, clock=clock)
    seen = []
    for mono_ms in (0, 1000, 2000, 3000):
        clock.mono = mono_ms
        seen.append((await sine.poll()).values["level_m"])
    assert seen == [2.0, 3.0, 2.0, 1.0]


@pytest.mark.real
async def test_a_foreign_server_is_understood_too():
    """pymodbus's own server, which shares no line with ours."""
    device = SimDevice(1, simdata=[SimData(0, values=[0, 1500, 0, 4000], datatype=DataType.REGISTERS)])
    server = ModbusTcpServer(device, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    sockets = server.transport.sockets  # type: ignore[attr-defined]
    port = sockets[0].getsockname()[1]
    bus = Bus(tcp(port, timeout_ms=1000), clock=FakeClock())
    try:
        radar = driver(bus, FakeClock(), unit=1, name="dfrobot_sen0676", kind="river_post")
        assert (await radar.poll()).values == {"distance_m": 1.5, "level_m": 4.0}
        await server.async_setValues(1, 3, 3, [5000])
        assert (await radar.poll()).values["level_m"] == 5.0
    finally:
        bus.close()
        await server.shutdown()
