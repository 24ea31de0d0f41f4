"""From the file to drivers that run: the example gateway on mock pins, a real server and a real serial line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from contract.strict_toml import loads
from edge.clock import SystemClock
from edge.config import Config, load
from edge.drivers import registry
from edge.drivers.base import Edge
from edge.errors import PinError
from edge.outputs import Proven, Shown
from simulator.devices.modbus_server import ModbusServer
from simulator.devices.serial_line import SerialLine
from tests.edge.drivers.rigs import fake

EXAMPLE = Path(__file__).parents[3] / "firmware_configs" / "gateway.example.toml"


def config(text: str) -> Config:
    head = (
        '[gateway]\nid = "gw-1"\ncell = 0\nsite = "s"\n'
        '[broker]\nhost = "h"\nca_file = "a"\ncert_file = "b"\nkey_file = "c"\n'
    )
    return loads(text + head, Config)


def test_every_device_of_the_example_has_its_driver_and_its_limits():
    drivers = registry.build(load(EXAMPLE), clock=SystemClock(), pins=MockFactory())
    by_name = {schedule.driver.device: schedule for schedule in drivers.schedules}
    assert list(by_name) == [
        "pos-jembatan",
        "bangsal-melati",
        "bangku",
        "tombol-igd",
        "alas-01",
        "pos-pasar",
        "hujan-pasar",
        "tekanan-pasar",
        "tombol-loket",
        "ranjang-07",
        "kotak",
        "ambulans-1",
        "tombol-taman",
        "pos-hulu",
        "cctv-lobi",
        "absen-lobi",
        "kartu-lobi",
    ]
    assert drivers.buttons == ("tombol-igd", "tombol-loket", "tombol-taman")
    post = by_name["pos-jembatan"]
    assert post.driver.quantities == ("distance_m", "temperature_c", "level_m", "tips", "rain_mm")
    # The site's limits, the instrument's, and what is physically possible.
    assert (post.limits["level_m"].low, post.limits["level_m"].max_step) == (-0.5, 0.5)
    assert (post.limits["distance_m"].low, post.limits["distance_m"].high) == (0.1, 6.5)
    assert (post.limits["rain_mm"].low, post.limits["rain_mm"].high) == (0, 100_000)
    panel = by_name["bangsal-melati"]
    assert panel.driver.quantities == ("bed_01", "bed_02", "bed_03", "bed_04")
    assert panel.poll_s == 2.0


def test_nothing_is_opened_before_it_runs_but_a_wrong_factory_is_refused_at_once():
    registry.build(load(EXAMPLE), clock=SystemClock())
    with pytest.raises(PinError):
        registry.build(load(EXAMPLE), clock=SystemClock(), pins=object())


async def test_a_gateway_with_a_button_does_not_start_without_gpio(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("edge.drivers.gpio.kernel_chips", dict)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    button = config('[[contact]]\nname = "igd"\nrole = "panic"\npin = 17\n')
    with pytest.raises(PinError, match="no GPIO chip of a Raspberry Pi"):
        await registry.build(button, clock=SystemClock()).run(lambda _: None)
    # The negative twin: without contacts it needs none.
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await registry.build(config(""), clock=SystemClock()).run(lambda _: None)


@pytest.mark.real
async def test_a_gateway_reads_both_buses_and_its_contacts(tmp_path: Path):
    gauge, rain, panel = (
        fake("dfrobot_urm14", mounting_height_m=6.5),
        fake("xm9505_rain"),
        fake("discrete_inputs_16"),
    )
    gauge.show("level_m", 2.0)
    rain.show("tips", 7)
    panel.show("bed_02", 1)
    edges: list[Edge] = []
    pins = MockFactory()
    async with SerialLine({12: gauge.unit, 3: rain.unit}) as line, ModbusServer({1: panel.unit}) as server:
        text = (
            EXAMPLE.read_text()
            .replace("/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A5069RR4-if00-port0", line.path)
            .replace('host = "192.168.10.20"\nport = 502', f'host = "127.0.0.1"\nport = {server.port}')
            .replace("debounce_ms = 2000", "debounce_ms = 20")
            .replace('path = "spool.sqlite"', f'path = "{tmp_path}/spool.sqlite"')
        )
        drivers = registry.build(loads(text, Config), clock=SystemClock(), pins=pins)
        running = asyncio.create_task(drivers.run(edges.append))
        await asyncio.sleep(0.02)
        elsewhere = (
            "pos-pasar",
            "tekanan-pasar",
            "tombol-loket",
            "ranjang-07",
            "absen-lobi",
            "kartu-lobi",
            "tombol-taman",
            "pos-hulu",
            "ambulans-1",
            "cctv-lobi",
        )  # have peers of their own
        asked = [s.driver for s in drivers.schedules if s.driver.device not in elsewhere]
        readings = {driver.device: (await driver.poll()).values for driver in asked}
        assert readings["pos-jembatan"]["level_m"] == 2.0
        assert readings["pos-jembatan"]["rain_mm"] == 0.7
        assert readings["bangsal-melati"] == {"bed_01": 0, "bed_02": 1, "bed_03": 0, "bed_04": 0}
        assert readings["hujan-pasar"] == {"tips": 0, "rain_mm": 0}
        assert readings["tombol-igd"] == {"pressed": 0}
        pins.pin(17).drive_low()
        pins.pin(27).drive_low()
        await asyncio.sleep(0.1)
        assert {(edge.device, edge.role) for edge in edges} == {
            ("tombol-igd", "panic"),
            ("alas-01", "bed_mat"),
        }
        drivers.show("tombol-igd", Shown(Proven.STORED))
        assert (pins.pin(22).state, pins.pin(23).state) == (1, 0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
