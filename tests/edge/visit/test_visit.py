"""The tools at a box: a gateway that runs is asked by its door, one that does not is opened for the moment."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import stat

import pytest

from edge import cli
from edge.drivers.instruments import Library
from edge.errors import OrderError
from edge.local_door import LocalDoor, ask
from edge.orders import Orders
from edge.visit import search
from edge.visit.command import units_of
from simulator.devices.ads1115 import FakeAds1115
from simulator.devices.modbus_server import ModbusServer
from simulator.devices.modbus_units import Fault, Unit
from tests.edge.drivers.rigs import fake, tcp

CONFIG = """
[gateway]
id = "kota-uji-01"
cell = 3
site = "rsud"

[broker]
host = "127.0.0.1"
port = 1
ca_file = "ca.pem"
cert_file = "gateway.pem"
key_file = "gateway.pem"

[spool]
path = "card/spool.sqlite"
telemetry_mb = 1.0
event_mb = 0.5
panic_mb = 0.5

[[bus]]
link = "tcp"
name = "bus"
host = "127.0.0.1"
port = {port}
timeout_ms = 500

[[device]]
name = "pos"
kind = "river_post"
instrument = "dfrobot_urm14"
bus = "bus"
unit = 12
settings = {{ mounting_height_m = 6.5 }}
"""


class Echo:
    """Orders that a test wants."""

    async def do(self, name, arguments):
        if name == "no":
            raise OrderError("no", "tidak / no", "ask otherwise")
        return {"name": name, "arguments": dict(arguments)}


@contextlib.asynccontextmanager
async def door_at(folder):
    task = asyncio.create_task(LocalDoor(folder, Echo()).run())
    try:
        while await asyncio.to_thread(ask, folder, "status") is None:  # noqa: ASYNC110 - a socket has no event
            await asyncio.sleep(0.005)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_door_answers_its_own_account_only_and_is_gone_with_the_gateway(tmp_path):
    deep = tmp_path / ("x" * 100)  # longer than a socket's own path may be
    deep.mkdir()
    assert ask(deep, "read") is None

    async with door_at(deep):
        assert stat.S_IMODE((deep / "gateway.sock").stat().st_mode) == 0o600
        with pytest.raises(OrderError, match="ask otherwise"):
            await asyncio.to_thread(ask, deep, "no")
        answer = await asyncio.to_thread(ask, deep, "read", {"point": "pos"})
        assert answer == {"name": "read", "arguments": {"point": "pos"}}
    assert ask(deep, "read") is None
    assert not (deep / "gateway.sock").exists()


@pytest.mark.parametrize(
    "line",
    [b"\n", b"[]\n", b"\xff\xfe\n", b"[" * 4000, b'{"order": "read", "run": "sh"}\n', b'{"order": ["x"]}\n'],
)
async def test_what_is_no_question_is_refused(tmp_path, line):
    door = LocalDoor(tmp_path, Echo())
    assert (await door._answer(line))["ok"] is False


async def test_a_line_too_long_and_a_caller_who_goes_hurt_nobody(tmp_path):
    async with door_at(tmp_path):
        for noise in (b"x" * 100_000, b""):
            _, writer = await asyncio.open_unix_connection(str(tmp_path / "gateway.sock"))
            writer.write(noise)
            writer.close()
        assert await asyncio.to_thread(ask, tmp_path, "status") == {"name": "status", "arguments": {}}


async def run_cli(capsys, *arguments):
    status = await asyncio.to_thread(cli.main, list(arguments))
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.real
async def test_a_point_is_read_on_a_box_whose_gateway_does_not_run(tmp_path, capsys):
    gauge = fake("dfrobot_urm14", mounting_height_m=6.5)
    gauge.show("distance_m", 4.0)
    async with ModbusServer({12: gauge.unit}) as server:
        config = tmp_path / "gateway.toml"
        config.write_text(CONFIG.format(port=server.port))
        at = ("--config", str(config))

        status, out, _ = await run_cli(capsys, "read", "pos.level_m", *at)
        assert (status, out.split()) == (0, ["pos.level_m", "2.5", "m", "baik", "/", "good"])
        status, out, _ = await run_cli(capsys, "read", "pos", *at)
        assert {"pos.level_m", "pos.distance_m"} <= set(out.split())

        # What was read for a technician is no sample of a gateway.
        status, out, _ = await run_cli(capsys, "spool", *at)
        assert (status, out.splitlines()[3].split()[:2]) == (0, ["telemetry", "0"])

        # The negative twins: no such point, a dead unit.
        status, _, err = await run_cli(capsys, "read", "pos.level", *at)
        assert (status, "level_m" in err) == (2, True)
        gauge.unit.fault = Fault("silent")
        status, _, err = await run_cli(capsys, "read", "pos", *at)
        assert (status, "A and B" in err) == (2, True)

        status, out, _ = await run_cli(capsys, "doctor", *at)
        assert status == 1
        assert "tidak berjalan / does not run" in out
        assert "siaga-edge enrol" in out


@pytest.mark.real
async def test_units_are_found_and_known_by_what_they_say_of_themselves():
    gauge = fake("dfrobot_urm14", mounting_height_m=6.5)
    stranger, mute = Unit(), Unit()
    stranger.set_registers("holding", 0, [7])
    mute.fault = Fault("silent")
    async with ModbusServer({2: Unit(), 5: stranger, 9: mute, 12: gauge.unit}) as server:
        found = [
            each async for each in search.modbus(tcp(server.port, timeout_ms=150), range(1, 13), Library())
        ]
        # A unit without that register answers too: it refuses.
        assert [unit for unit, _ in found] == [2, 5, 12]
        titles = dict(found)
        assert "URM14" in titles[12]
        assert "no instrument file" in titles[5]
        await server.stop()
        with pytest.raises(OrderError, match="cannot be opened"):
            _ = [
                each async for each in search.modbus(tcp(server.port, timeout_ms=100), range(1, 3), Library())
            ]


def test_chips_that_acknowledge_are_listed_by_what_is_usual_at_their_address():
    assert list(search.i2c(1, FakeAds1115(0x49))) == [(0x49, "ADS1115")]

    class Held:
        def transfer(self, address, write, read):
            raise OSError(errno.EBUSY if address == 0x68 else errno.EREMOTEIO, "")

    assert list(search.i2c(1, Held())) == [(0x68, "dipakai kernel / in use by the kernel")]
    with pytest.raises(OrderError, match="do_i2c"):
        list(search.i2c(31))


def test_serial_ports_are_told_by_the_name_that_stays(tmp_path):
    by_id = tmp_path / "serial" / "by-id"
    by_id.mkdir(parents=True)
    for name in ("ttyUSB0", "ttyUSB1"):
        (tmp_path / name).touch()
    (by_id / "usb-FTDI").symlink_to(tmp_path / "ttyUSB0")
    found = dict(search.serial(tmp_path))
    assert found == {
        str(by_id / "usb-FTDI"): "ttyUSB0",
        str(tmp_path / "ttyUSB1"): "tanpa id tetap / no name that stays",
    }


def test_ranges_of_addresses():
    assert (units_of("1-32"), units_of("7")) == (range(1, 33), range(7, 8))
    for wrong in ("0-3", "5-4", "1-248", "a-b", "", "-"):
        with pytest.raises(OrderError):
            units_of(wrong)


async def test_orders_that_do_not_exist_are_refused_by_name():
    with pytest.raises(OrderError, match="read"):
        await Orders(None).do("shell", {"run": "reboot"})
