"""What a unit answers is read back as what it was told to show, by arithmetic of our own."""

import struct
from pathlib import Path

import pytest

from hub.region.loader import load
from simulator.city import city_devices
from simulator.devices.modbus_units import Answered
from simulator.instruments import Showing

PROFILE = Path(__file__).resolve().parents[2] / "profiles" / "kota-contoh"
DEVICES = {f"{one.gateway}/{one.device}": one for one in city_devices(load(PROFILE))}


def read_all(device, showing):
    """Every quantity, each point asked for by itself."""
    values = {}
    for part in device.parts:
        unit = showing.units[part.unit]
        for point in part.instrument.points:
            address = point.address - part.instrument.address_base
            function = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}[point.table]
            _, read = unit.answer(struct.pack(">BHH", function, address, point.width))
            assert read is not None, point.quantity
            values.update(part.read(Answered(0, part.unit, *read)))
    return values


@pytest.mark.parametrize("name", [name for name in DEVICES if "duga-air" in name])
def test_a_river_post_shows_its_level_and_rain(name):
    device, showing = DEVICES[name], Showing(DEVICES[name])
    for level_m in (0.48, 2.7, 4.251):
        showing.show({"level_m": level_m, "rain_mm": 12.3})
        values = read_all(device, showing)
        assert values["level_m"] == pytest.approx(level_m, abs=1e-6)
        if "rain_mm" in values:
            assert values["rain_mm"] == pytest.approx(12.3)
            assert values["tips"] == 123


@pytest.mark.parametrize("name", [name for name in DEVICES if "panel" in name])
def test_a_bed_panel_shows_its_beds_and_only_those_that_are_there(name):
    device, showing = DEVICES[name], Showing(DEVICES[name])
    [part] = device.parts
    beds = {bed: at % 2 for at, bed in enumerate(part.quantities)}
    showing.show(beds)
    assert read_all(device, showing) == beds


def test_a_code_for_no_value_is_read_as_none():
    device = DEVICES["gw-pos-jembatan-gantung/duga-air"]
    showing = Showing(device)
    showing.units[12].set_registers("holding", 5, [0xFFFF])
    values = read_all(device, showing)
    assert values["distance_m"] is None
    assert values["level_m"] is None
    assert values["temperature_c"] is not None


def test_an_answer_about_something_else_says_nothing():
    [*_, part] = DEVICES["gw-rsud-contoh/panel-melati"].parts
    assert list(part.read(Answered(0, part.unit, 3, 0, 2, (1, 2)))) == []
    assert list(part.read(Answered(0, part.unit, 2, 100, 2, (1, 1)))) == []
