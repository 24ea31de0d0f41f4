"""Positions of vehicles by NMEA on a pseudo-terminal and by gpsd: the contract of all drivers, and no position."""

from __future__ import annotations

import contextlib
import functools

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from contract.kinds import Quality
from edge.config.mobile import Gpsd
from edge.drivers import gpsd, nmea
from edge.drivers.base import MissedPollError
from edge.drivers.gpsd import GpsdDriver
from edge.drivers.nmea import NmeaDriver, sentences
from edge.drivers.serial_port import SerialPort
from simulator.devices.gps import FakeGpsd, Vehicle, sentence
from simulator.devices.gps import nmea as spoken
from simulator.devices.talker import Talker
from tests.edge.drivers.rigs import FakeClock
from tests.suites.driver_suite import DriverSuite


class Rig:
    """`hurry` makes the driver wait shortly; only where nothing is to come, or a busy machine would look silent."""

    def __init__(self, driver, vehicle, silence, hurry):
        self.driver, self.vehicle, self._silence, self._hurry = driver, vehicle, silence, hurry

    async def show(self, quantity, value):
        setattr(self.vehicle, quantity, value)

    async def silence(self, silent):
        self._silence("silent" if silent else "none")
        self._hurry(0.2 if silent else 10.0)

    async def rested(self):
        return


class GpsSuite(DriverSuite):
    shown = "lat_deg"
    unsaid = "altitude_m"
    exactly = 1e-6


@pytest.fixture
async def receiver():
    vehicle = Vehicle()
    talker = Talker(lambda: spoken(vehicle))
    async with talker:
        port = SerialPort(talker.path, 9600)
        yield NmeaDriver("mobil-1", port, clock=FakeClock()), vehicle, talker
        port.close()


@pytest.fixture
async def daemon():
    async with FakeGpsd(Vehicle()) as server:
        driver = GpsdDriver("mobil-1", Gpsd(port=server.port), clock=FakeClock())
        yield driver, server
        driver.close()


class TestNmea(GpsSuite):
    @pytest.fixture
    def rig(self, receiver, monkeypatch):
        driver, vehicle, talker = receiver
        hurry = functools.partial(monkeypatch.setattr, nmea, "LISTEN_S")
        return Rig(driver, vehicle, lambda fault: setattr(talker, "fault", fault), hurry)


class TestGpsd(GpsSuite):
    @pytest.fixture
    def rig(self, daemon, monkeypatch):
        driver, server = daemon
        hurry = functools.partial(monkeypatch.setattr, gpsd, "ANSWER_S")
        return Rig(driver, server.vehicle, lambda fault: setattr(server, "fault", fault), hurry)


NOWHERE = ("lat_deg", "lon_deg", "altitude_m", "speed_m_s", "course_deg")


async def test_without_a_fix_there_is_no_position_and_not_the_gulf_of_guinea(receiver, daemon):
    driver, vehicle, _ = receiver
    by_gpsd, server = daemon
    vehicle.fixed = server.vehicle.fixed = False
    for one in (driver, by_gpsd):
        reading = await one.poll()
        assert [reading.values[name] for name in NOWHERE] == [None] * 5
        assert (reading.values["fix"], reading.values["satellites"]) == (0, 9)
        assert {reading.quality[name] for name in NOWHERE} == {Quality.INVALID}


async def test_a_fix_that_gpsd_had_long_ago_is_none(daemon):
    driver, server = daemon
    assert (await driver.poll()).values["fix"] == 3
    server.age_s = 11
    reading = await driver.poll()
    assert (reading.values["fix"], reading.values["lat_deg"]) == (0, None)


async def test_one_of_several_receivers(daemon):
    _, server = daemon
    other = GpsdDriver("lain", Gpsd(port=server.port, receiver="/dev/ttyACM9"), clock=FakeClock())
    with pytest.raises(MissedPollError, match="no such receiver"):
        await other.poll()
    other.close()


@pytest.mark.parametrize(("fault", "reasons"), [("garbage", {"garbage"}), ("half", {"garbage", "bus_down"})])
async def test_garbage_and_half_lines_are_told_and_passed(daemon, receiver, fault, reasons, monkeypatch):
    driver, server = daemon
    server.fault = fault
    with pytest.raises(MissedPollError) as missed:
        await driver.poll()
    assert missed.value.reason in reasons
    server.fault = "slow"
    assert (await driver.poll()).values["fix"] == 3
    nmea_driver, _, talker = receiver
    talker.fault = fault
    monkeypatch.setattr(nmea, "LISTEN_S", 0.2)
    with contextlib.suppress(MissedPollError):  # of half a second's sentences some may be whole
        assert fault == "half", await nmea_driver.poll()
    talker.fault = "none"
    monkeypatch.setattr(nmea, "LISTEN_S", 10.0)
    assert (await nmea_driver.poll()).values["fix"] == 3


async def test_a_gpsd_that_hangs_up_or_is_not_there(daemon):
    driver, server = daemon
    await driver.poll()
    server.hang_up()
    with pytest.raises(MissedPollError) as missed:
        await driver.poll()
    assert missed.value.reason == "bus_down"
    await driver.poll()
    assert server.connections == 2
    gone = GpsdDriver("x", Gpsd(port=1), clock=FakeClock())
    with pytest.raises(MissedPollError, match=r"gpsd\.socket"):
        await gone.poll()


@pytest.mark.parametrize(
    "number",
    [10**400, -(10**400), float("nan"), float("inf"), True, "4", None],
    ids=["long", "long and negative", "nan", "infinite", "true", "text", "null"],
)
def test_a_number_that_no_float_can_hold_is_none(number):
    """JSON has integers of any length; one of 400 digits ended the gateway."""
    told = {"tpv": [{"mode": 3, "lat": number, "lon": 106.8, "alt": number}], "sky": [{"uSat": number}]}
    fix = gpsd.fix_of(told, None)
    assert (fix.lat_deg, fix.altitude_m, fix.satellites, fix.lon_deg) == (None, None, None, 106.8)


async def test_an_adapter_that_is_pulled_out_is_a_missed_poll():
    """Its port then answers with an error of its own class, which ended the gateway."""
    talker = Talker(lambda: b"$")
    async with talker:
        port = SerialPort(talker.path, 9600)
        driver = NmeaDriver("mobil-1", port, clock=FakeClock())
        port._opened(serial)
    with pytest.raises(MissedPollError) as missed:
        await driver.poll()
    assert missed.value.reason == "bus_down"
    port.close()


def test_the_sentences_of_the_standard():
    """The examples that every description of NMEA prints."""
    rmc = b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A"
    gga = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"
    fix = nmea.fix_of(gga + b"\r\n" + rmc)
    assert (fix.lat_deg, fix.lon_deg) == (pytest.approx(48.1173), pytest.approx(11.5166667))
    assert (fix.altitude_m, fix.satellites, fix.course_deg, fix.fix) == (545.4, 8, 84.4, 3)
    assert fix.speed_m_s == pytest.approx(22.4 * 0.514444, abs=1e-3)
    assert nmea.fix_of(rmc.replace(b"*6A", b"*6B")) is None


@pytest.mark.parametrize(
    "body",
    [
        "GPRMC,1,A,9100.0,N,01131.0,E,1,1,1",
        "GPRMC,1,A,4860.0,N,01131.0,E,1,1,1",
        "GPRMC,1,A,4807.0,X,01131.0,E,1,1,1",
        "GPRMC,1,A,,,,,,,1",
        "GPRMC,1,A,nan,N,inf,E,1e9,1,1",
    ],
)
def test_impossible_places_are_no_places(body):
    fix = nmea.fix_of(sentence(body))
    assert fix.fix == 0
    assert fix.reading("x", 1).values["lat_deg"] is None


@given(st.floats(-90, 90), st.floats(-180, 180), st.binary(max_size=30))
def test_a_place_comes_back_from_its_sentence(lat, lon, noise):
    fix = nmea.fix_of(noise.replace(b"$", b"") + spoken(Vehicle(lat_deg=lat, lon_deg=lon)))
    assert fix.lat_deg == pytest.approx(lat, abs=1e-6)
    assert fix.lon_deg == pytest.approx(lon, abs=1e-6)


@given(st.binary(max_size=200))
def test_no_bytes_are_a_crash(data):
    sentences(data)
    nmea.fix_of(data)
