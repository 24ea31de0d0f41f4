"""What a Modbus bus does when its units do not behave: against a real server and a real serial line."""

from __future__ import annotations

import asyncio
import re
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

import edge.drivers
from contract.kinds import KINDS, Quality
from edge.clock import SystemClock
from edge.drivers import modbus
from edge.drivers.base import MissedPollError
from edge.drivers.line import Line
from edge.drivers.modbus import Bus, ModbusDriver, Source, rest_ms
from edge.drivers.registers import Request
from simulator.devices.modbus_server import ModbusServer
from simulator.devices.modbus_units import Answered, Fault, Unit
from simulator.devices.serial_line import SerialLine
from tests.edge.drivers.rigs import HASTE_MS, LIBRARY, FakeClock, driver, fake, hasty, rtu, tcp

pytestmark = pytest.mark.real

ONE = Request("holding", 3, 1)


def unit(level_mm: int = 1000) -> Unit:
    made = Unit()
    made.set_registers("holding", 1, [5000, 0, level_mm])
    return made


@contextmanager
def opened(bus: Bus) -> Iterator[Bus]:
    try:
        yield bus
    finally:
        bus.close()


async def missed(bus: Bus, number: int, request: Request = ONE) -> MissedPollError:
    with hasty(bus), pytest.raises(MissedPollError) as caught:
        await bus.read(number, request)
    return caught.value


# A unit that misbehaves, over both links.


@pytest.mark.parametrize("link", ["tcp", "rtu"])
async def test_exceptions_garbage_and_silence_each_have_their_word(link: str):
    units, clock = {1: unit(), 2: unit(2000)}, FakeClock()
    async with ModbusServer(units) as server, SerialLine(units) as line:
        settings = tcp(server.port) if link == "tcp" else rtu(line.path)
        with opened(Bus(settings, clock=clock)) as bus:
            assert await bus.read(1, ONE) == (1000,)

            units[1].fault = Fault("exception", code=4)
            error = await missed(bus, 1)
            assert (error.reason, "server device failure" in error.message) == ("exception", True)

            units[1].fault = Fault("garbage")
            assert (await missed(bus, 1)).reason == "garbage"
            clock.mono += 60_000
            assert await bus.read(2, ONE) == (2000,)

            units[1].fault = Fault("silent")
            assert (await missed(bus, 1)).reason == "no_answer"
            assert await bus.read(2, ONE) == (2000,)

            units[1].fault = Fault("none")
            clock.mono += 60_000
            assert await bus.read(1, ONE) == (1000,)


async def test_an_exception_of_an_address_does_not_rest_the_unit():
    """The negative twin: a unit that refuses is not a unit that is dead."""
    async with ModbusServer({1: unit()}) as server:
        with opened(Bus(tcp(server.port), clock=FakeClock())) as bus:
            for _ in range(3):
                error = await missed(bus, 1, Request("holding", 900, 1))
                assert (error.reason, "illegal data address" in error.message) == ("exception", True)
            assert await bus.read(1, ONE) == (1000,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xff" * 300,
        # Whole frames that are wrong: too few registers, another function, a byte count beyond the frame.
        bytes.fromhex("0001 0000 0003 01 03 00"),
        bytes.fromhex("0001 0000 0005 01 04 02 03e8"),
        bytes.fromhex("0001 0000 0005 01 03 f0 03e8"),
        bytes.fromhex("0001 0000 0002 01 2b"),
        bytes.fromhex("0001 0000 0001 01"),
    ],
    ids=range(8),
)
async def test_no_garbage_over_tcp_is_taken_for_a_value(data: bytes):
    units, clock = {1: unit(), 2: unit(2000)}, FakeClock()
    units[1].fault = Fault("garbage", data=data)
    async with ModbusServer(units) as server:
        with opened(Bus(tcp(server.port), clock=clock)) as bus:
            error = await missed(bus, 1)
            assert error.reason in ("garbage", "no_answer", "bus_down")
            assert await bus.read(2, ONE) == (2000,)
            units[1].fault = Fault("none")
            clock.mono += 60_000
            assert await bus.read(1, ONE) == (1000,)


async def test_a_damaged_serial_answer_is_no_answer():
    units, clock = {1: unit()}, FakeClock()
    async with SerialLine(units) as line:
        with opened(Bus(rtu(line.path), clock=clock)) as bus:
            # The right answer with a wrong checksum, then one cut short.
            for data in (bytes.fromhex("01 03 02 03 e8 00 00"), bytes.fromhex("01 03 02 03")):
                units[1].fault = Fault("garbage", data=data)
                assert (await missed(bus, 1)).reason == "garbage"
                clock.mono += 60_000
            units[1].fault = Fault("none")
            assert await bus.read(1, ONE) == (1000,)


@pytest.mark.parametrize("link", ["tcp", "rtu"])
async def test_a_late_answer_is_never_taken_for_another(link: str):
    """A slow unit answers after its time is over, while the next request waits for another value."""
    units = {1: unit(1111), 2: unit(2222)}
    async with ModbusServer(units) as server, SerialLine(units) as line:
        settings = tcp(server.port, timeout_ms=60) if link == "tcp" else rtu(line.path, timeout_ms=60)
        with opened(Bus(settings, clock=SystemClock())) as bus:
            units[1].fault = Fault("slow", delay_s=0.09)
            for _ in range(5):
                for number, request, right in (
                    (1, Request("holding", 1, 1), 5000),
                    (1, ONE, 1111),
                    (2, ONE, 2222),
                ):
                    try:
                        values = await bus.read(number, request)
                    except MissedPollError:
                        continue
                    assert values == (right,)
            units[1].fault = Fault("none")
            await asyncio.sleep(1)
            assert await bus.read(1, ONE) == (1111,)


# A dead unit and its neighbours.


@pytest.mark.parametrize("link", ["tcp", "rtu"])
async def test_a_dead_unit_never_stalls_its_bus(link: str):
    """Nine live units at 20 polls a second each go on while the tenth is dead, which has the bus a fifth of the time
    at most: how many polls that leaves is the machine's affair."""
    units = {number: unit(number) for number in range(1, 11)}
    async with ModbusServer(units) as server, SerialLine(units) as line:
        settings = tcp(server.port) if link == "tcp" else rtu(line.path)
        with opened(Bus(settings, clock=SystemClock())) as bus:

            async def polled(seconds: float) -> tuple[dict[int, int], int]:
                """How often each answered, and how often the dead one was waited for."""
                counts, waited = dict.fromkeys(units, 0), 0
                end = time.monotonic() + seconds

                async def keep(number: int) -> None:
                    nonlocal waited
                    while time.monotonic() < end:
                        try:
                            assert await bus.read(number, ONE) == (number,)
                            counts[number] += 1
                        except MissedPollError as error:
                            waited += number == 10 and error.reason == "no_answer"
                        await asyncio.sleep(0.05)

                async with asyncio.TaskGroup() as group:
                    for number in units:
                        group.create_task(keep(number))
                return counts, waited

            counts, _ = await polled(0.3)
            assert min(counts.values()) > 0
            units[10].fault = Fault("silent")
            with hasty(bus):
                _, early = await polled(1.0)  # the first failures, with their growing rests
                counts, late = await polled(1.0)
            assert early > 0
            assert late * HASTE_MS <= 200
            assert counts.pop(10) == 0
            assert min(counts.values()) > 0
            units[10].fault = Fault("none")
            await asyncio.sleep(rest_ms(20, HASTE_MS, 1) / 1000)
            assert await bus.read(10, ONE) == (10,)


def test_how_long_a_dead_unit_rests():
    assert [rest_ms(n, 300, 1) for n in (1, 2, 3, 4, 5, 100)] == [600, 1200, 2400, 4800, 6000, 6000]
    assert rest_ms(100, 300, 5) == 30_000
    assert rest_ms(100, 300, 100) == 60_000
    # All dead units together take at most a twentieth of the bus.
    for silent in range(1, 8):
        assert silent * 300 / rest_ms(100, 300, silent) <= 0.05


async def test_a_resting_unit_is_not_asked():
    asked: list[bytes] = []
    clock = FakeClock()
    async with SerialLine({2: unit()}) as line:
        with opened(Bus(rtu(line.path), clock=clock)) as bus:
            assert (await missed(bus, 1)).reason == "no_answer"
            asked += line.requests
            for _ in range(5):
                assert (await missed(bus, 1)).reason == "resting"
            assert line.requests == asked
            clock.mono += rest_ms(1, HASTE_MS, 1)
            assert (await missed(bus, 1)).reason == "no_answer"
            assert len(line.requests) == 2


# The line itself.


async def test_a_bus_that_is_not_there_is_tried_again_ever_more_slowly(monkeypatch: pytest.MonkeyPatch):
    clock = FakeClock()
    async with ModbusServer({1: unit()}) as server:
        settings = tcp(server.port)
        await server.stop()
        tries: list[int] = []
        make = Line

        def counted(*arguments):
            tries.append(clock.mono)
            return make(*arguments)

        monkeypatch.setattr(modbus, "Line", counted)
        with opened(Bus(settings, clock=clock)) as bus:
            for _ in range(100):
                assert (await missed(bus, 1)).reason == "bus_down"
                clock.mono += 250
            pauses = [later - sooner for sooner, later in pairwise(tries)]
            assert pauses == [500, 1000, 2000, 4000, 8000]

            await server.start()
            clock.mono += 60_000
            assert await bus.read(1, ONE) == (1000,)


async def test_a_broken_connection_is_made_anew():
    async with ModbusServer({1: unit()}) as server:
        with opened(Bus(tcp(server.port), clock=FakeClock())) as bus:
            assert await bus.read(1, ONE) == (1000,)
            server.drop_connections()
            await asyncio.sleep(0.02)
            assert await bus.read(1, ONE) == (1000,)
            assert (server.connections, bus.generation) == (2, 2)


async def test_a_host_that_swallows_everything_gets_a_new_connection():
    clock = FakeClock()
    units = {number: unit() for number in range(1, 5)}
    async with ModbusServer(units) as server:
        with opened(Bus(tcp(server.port), clock=clock)) as bus:
            assert await bus.read(4, ONE) == (1000,)
            for number in range(1, 4):
                units[number].fault = Fault("silent")
                assert (await missed(bus, number)).reason == "no_answer"
            assert await bus.read(4, ONE) == (1000,)
            assert server.connections == 2


async def test_a_serial_port_that_is_not_there():
    with opened(Bus(rtu("/dev/nothing"), clock=FakeClock())) as bus:
        error = await missed(bus, 1)
        assert (error.reason, "/dev/nothing" in error.message) == ("bus_down", True)


async def test_an_adapter_that_is_pulled_out_comes_back_by_itself(tmp_path: Path):
    clock, units, port = FakeClock(), {1: unit()}, tmp_path / "by-id"
    with opened(Bus(rtu(str(port)), clock=clock)) as bus:
        async with SerialLine(units) as line:
            port.symlink_to(line.path)
            assert await bus.read(1, ONE) == (1000,)
        port.unlink()
        for _ in range(3):
            clock.mono += 60_000
            assert (await missed(bus, 1)).reason in ("no_answer", "garbage", "bus_down")
        async with SerialLine(units) as line:
            port.symlink_to(line.path)
            clock.mono += 60_000
            assert await bus.read(1, ONE) == (1000,)


async def test_serial_requests_are_the_bytes_of_the_manual():
    gauge = fake("dfrobot_urm14", mounting_height_m=6.5)
    async with SerialLine({12: gauge.unit}) as line:
        with opened(Bus(rtu(line.path), clock=FakeClock())) as bus:
            await bus.read(12, Request("holding", 5, 1))
            assert line.requests == [bytes.fromhex("0c 03 00 05 00 01 95 16")]


async def test_an_adapter_that_echoes_what_it_sends():
    """Two-wire adapters may hear themselves; the echo is no answer, and the answer behind it is."""
    gauge = unit()
    echo = bytes.fromhex("01 03 00 03 00 01 74 0a")
    gauge.fault = Fault("garbage", data=echo + bytes.fromhex("01 03 02 03 e8 b8 fa"))
    async with SerialLine({1: gauge}) as line:
        with opened(Bus(rtu(line.path), clock=FakeClock())) as bus:
            # Not decoded, so never a wrong value; a person is told to look at the adapter.
            assert (await missed(bus, 1)).reason == "garbage"


# Devices of instruments.


def shown_by(name: str) -> dict[str, float]:
    """A plausible value for each quantity that an instrument can be made to show."""
    instrument = LIBRARY.load(name)
    if instrument.run:
        return {quantity: at % 2 for at, quantity in enumerate(instrument.quantities)}
    values = {"level_m": 1.25, "temperature_c": 28.5, "tips": 536, "device_status": 4}
    return {quantity: values[quantity] for quantity in instrument.quantities if quantity in values}


@pytest.mark.parametrize("name", LIBRARY.names())
async def test_every_shipped_instrument_reads_what_it_shows(name: str):
    answered: list[Answered] = []
    instrument = LIBRARY.load(name)
    settings = {s.name: max(s.min, min(s.max, 6.5)) for s in instrument.setting}
    kind = next(k.name for k in KINDS.values() if set(instrument.quantities) <= set(k.quantities))
    gauge = fake(name, **settings)
    for quantity, value in shown_by(name).items():
        gauge.show(quantity, value)
    clock = FakeClock()
    async with ModbusServer({3: gauge.unit}, on_answered=answered.append) as server:
        with opened(Bus(tcp(server.port), clock=clock)) as bus:
            device = driver(bus, clock, unit=3, name=name, kind=kind, **settings)
            reading = await device.poll()
            assert not reading.quality
            for quantity, value in shown_by(name).items():
                assert reading.values[quantity] == pytest.approx(value), quantity

            # The identity was asked once; the second poll asks for the values only.
            first = len(answered)
            await device.poll()
            asked = [(a.function, a.address, a.count) for a in answered[first:]]
            assert len(answered) == 2 * len(asked) + len(instrument.identity)

            for identity in instrument.identity:
                clock.mono += 60_000
                server.drop_connections()
                await asyncio.sleep(0.02)
                address = identity.address - instrument.address_base
                right = gauge.unit.holding[address]
                gauge.unit.holding[address] = 9999
                with pytest.raises(MissedPollError) as caught:
                    await device.poll()
                assert caught.value.reason == "identity"
                assert identity.meaning in caught.value.message
                gauge.unit.holding[address] = right
                assert (await device.poll()).values == reading.values


@pytest.mark.parametrize("name", [n for n in LIBRARY.names() if LIBRARY.load(n).point])
async def test_every_instrument_that_can_say_so_says_that_it_has_no_value(name: str):
    instrument = LIBRARY.load(name)
    silent = [p.quantity for p in instrument.point if p.invalid or p.invalid_bits or p.type == "f32"]
    settings = {s.name: max(s.min, min(s.max, 6.5)) for s in instrument.setting}
    gauge = fake(name, **settings)
    async with ModbusServer({3: gauge.unit}) as server:
        with opened(Bus(tcp(server.port), clock=FakeClock())) as bus:
            device = driver(bus, FakeClock(), unit=3, name=name, kind="river_post", **settings)
            for quantity in silent:
                gauge.show(quantity, None)
            if "pressure_kpa" in instrument.quantities:
                device.kind = "pressure_probe"
            reading = await device.poll()
            for quantity in silent:
                assert reading.values[quantity] is None
                assert reading.quality[quantity] is Quality.INVALID


async def test_the_device_keeps_a_log_of_what_it_answered():
    answered: list[Answered] = []
    async with ModbusServer({1: unit()}, on_answered=answered.append, now_ms=lambda: 77) as server:
        with opened(Bus(tcp(server.port), clock=FakeClock())) as bus:
            await bus.read(1, Request("holding", 1, 3))
            await missed(bus, 1, Request("holding", 50, 1))
    assert answered == [Answered(77, 1, 3, 1, 3, (5000, 0, 1000))]


async def test_a_device_of_two_instruments_is_one_reading_and_half_of_it_may_fail():
    level, rain, clock = fake("dfrobot_sen0676"), fake("xm9505_rain"), FakeClock()
    level.show("level_m", 2.0)
    rain.show("tips", 7)
    async with ModbusServer({1: level.unit, 2: rain.unit}) as server:
        with opened(Bus(tcp(server.port), clock=clock)) as bus:
            sources = [
                Source(bus, 1, LIBRARY.load("dfrobot_sen0676"), {}, wanted=("level_m", "rain_mm", "tips")),
                Source(bus, 2, LIBRARY.load("xm9505_rain"), {}, wanted=("level_m", "rain_mm", "tips")),
            ]
            post = ModbusDriver("pos", "river_post", sources, clock=clock)
            assert post.quantities == ("level_m", "tips", "rain_mm")
            assert (await post.poll()).values == {"level_m": 2.0, "tips": 7, "rain_mm": 0.7}

            rain.unit.fault = Fault("silent")
            with hasty(bus):
                half = await post.poll()
            assert half.values == {"level_m": 2.0, "tips": None, "rain_mm": None}
            assert half.quality == {"tips": Quality.NO_ANSWER, "rain_mm": Quality.NO_ANSWER}

            level.unit.fault = Fault("silent")
            with hasty(bus), pytest.raises(MissedPollError, match="no_answer"):
                await post.poll()


async def test_registers_that_a_unit_refuses_leave_the_others_good():
    radar = Unit()
    radar.set_registers("holding", 1, [1500])
    async with ModbusServer({1: radar}) as server:
        with opened(Bus(tcp(server.port), clock=FakeClock())) as bus:
            device = driver(bus, FakeClock(), unit=1, name="dfrobot_sen0676", kind="river_post")
            reading = await device.poll()
            assert reading.values == {"distance_m": 1.5, "level_m": None}
            assert reading.quality == {"level_m": Quality.NO_ANSWER}


async def test_a_counter_goes_on_over_its_end_and_over_a_reset():
    rain = fake("xm9505_rain")
    async with ModbusServer({1: rain.unit}) as server:
        with opened(Bus(tcp(server.port), clock=FakeClock())) as bus:
            device = driver(bus, FakeClock(), unit=1, name="xm9505_rain", kind="rain_gauge")
            seen = []
            for raw in (65_000, 65_535, 3, 10, 0, 2):
                rain.unit.set_registers("holding", 0, [raw])
                seen.append((await device.poll()).values["tips"])
            assert seen == [65_000, 65_535, 65_539, 65_546, 65_546, 65_548]


async def test_only_reading_functions_are_ever_sent():
    """A gateway must not be able to change an instrument, so no code here may call a writing function."""
    sources = list(Path(edge.drivers.__file__).parent.glob("*.py"))
    assert sources
    for source in sources:
        assert not re.search(r"\b(write_(coil|register)|mask_write|readwrite)", source.read_text()), source
    refused = Unit().answer(struct.pack(">BHH", 6, 5, 1))
    assert refused == (bytes((0x86, 1)), None)
