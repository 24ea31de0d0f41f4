"""The box as a device: what the kernel's files say of it, and nothing where they are silent."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from contract.kinds import KINDS, Quality
from edge.clock import Discipline
from edge.drivers.box import BoxDriver, signal_pct
from tests.edge.drivers.rigs import FakeClock


class Clock(FakeClock):
    synced = True

    def discipline(self):
        return Discipline(self.synced, 12 if self.synced else 0)


class FakeBoard:
    """A board's files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        number = root.stat().st_dev
        disk = root / "sys/devices/platform/emmc/block/mmcblk0"
        part = disk / "mmcblk0p2"
        self.write("sys/class/thermal/thermal_zone0/temp", "51234")
        self.write("sys/class/hwmon/hwmon1/name", "rpi_volt")
        self.write("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0")
        self.write("sys/devices/platform/soc/soc:firmware/get_throttled", "50000")
        self.write("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable:    500000 kB\n")
        self.write(disk.relative_to(root) / "stat", " 1 2 3 4 5 6 2000000 8 9 10 11")
        self.write(disk.relative_to(root) / "device/life_time", "0x01 0x03")
        self.write(part.relative_to(root) / "partition", "2")
        place = root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(part)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def driver(self, **more):
        clock = more.pop("clock", Clock())
        return BoxDriver("kotak", self.root, clock=clock, root=self.root, **more)


@pytest.fixture
def board(tmp_path):
    return FakeBoard(tmp_path)


async def test_what_a_board_says(board):
    reading = await board.driver().poll()
    said = dict(reading.values)
    assert said.pop("disk_free_mb") > 0
    assert said.pop("load") >= 0
    assert said == {
        "cpu_c": 51.234,
        "memory_free_mb": 512.0,
        "under_voltage": 0,
        "throttled": 0,  # it was, since the start, and is not now
        "clock_synced": 1,
        "clock_error_ms": 12,
        "card_written_mb": 1024.0,
        "card_wear_pct": 30.0,
    }
    assert reading.quality == {}
    assert set(board.driver().quantities) <= set(KINDS["site_health"].quantities)


async def test_trouble_is_said(board):
    board.write("sys/devices/platform/soc/soc:firmware/get_throttled", "50004")
    board.write("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1")
    board.write("sys/devices/platform/emmc/block/mmcblk0/device/life_time", "0x0B 0x01")
    clock = Clock()
    clock.synced = False
    reading = await board.driver(clock=clock).poll()
    assert (reading.values["throttled"], reading.values["under_voltage"]) == (1, 1)
    assert reading.values["card_wear_pct"] == 110.0
    assert (reading.values["clock_synced"], reading.values["clock_error_ms"]) == (0, None)


async def test_a_machine_that_is_no_board_has_no_values_and_not_zeros(tmp_path):
    reading = await BoxDriver("kotak", tmp_path, clock=Clock(), root=tmp_path / "nothing").poll()
    absent = {name for name, value in reading.values.items() if value is None}
    assert absent == {
        "cpu_c",
        "memory_free_mb",
        "under_voltage",
        "throttled",
        "card_written_mb",
        "card_wear_pct",
    }
    assert reading.quality == dict.fromkeys(absent, Quality.INVALID)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("sys/class/thermal/thermal_zone0/temp", "cpu_c"),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "throttled"),
        ("proc/meminfo", "memory_free_mb"),
        ("sys/devices/platform/emmc/block/mmcblk0/stat", "card_written_mb"),
        ("sys/devices/platform/emmc/block/mmcblk0/device/life_time", "card_wear_pct"),
    ],
)
async def test_a_file_with_nonsense_gives_no_value(board, path, name):
    board.write(path, "nonsense")
    assert (await board.driver().poll()).values[name] is None


async def test_this_machine_can_be_asked_too(tmp_path):
    reading = await BoxDriver("kotak", tmp_path, clock=Clock()).poll()
    assert {
        name for name in ("disk_free_mb", "memory_free_mb", "load") if reading.values[name] is None
    } == set()


MODEM = b'{"modem":{"generic":{"signal-quality":{"recent":"yes","value":"67"},"state":"connected"}}}'


@pytest.mark.parametrize(
    ("said", "pct"),
    [
        (MODEM, 67),
        (MODEM.replace(b'"67"', b'"--"'), None),
        (MODEM.replace(b'"67"', b'"700"'), 100),
        (b"error: couldn't find modem", None),
        (b"[]", None),
        (b"", None),
    ],
)
def test_the_signal_of_a_modem(said, pct):
    assert signal_pct(said) == pct


@pytest.mark.parametrize(
    ("script", "pct"), [(f"echo '{MODEM.decode()}'", 67), ("exit 1", None), ("exec sleep 9", None)]
)
async def test_a_modem_is_asked_and_may_hang(board, tmp_path, monkeypatch, script, pct):
    monkeypatch.setattr("edge.drivers.box.MODEM_S", 0.3)
    command = tmp_path / "mmcli"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    driver = board.driver(modem="any", mmcli=command)
    assert (await driver.poll()).values["modem_signal_pct"] == pct
    assert "modem_signal_pct" in driver.quantities
    assert (await board.driver(modem="any", mmcli=tmp_path / "none").poll()).values[
        "modem_signal_pct"
    ] is None
