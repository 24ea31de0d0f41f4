"""What is kept of the devices of frames: found again, and bounded."""

from __future__ import annotations

import tracemalloc

from contract.kinds import KINDS
from contract.messages import DeviceColumn
from hub.series import table as tables
from hub.series.table import table

BEDS = tuple(KINDS["bed_panel"].quantities)


def test_the_same_devices_are_looked_at_once_and_other_ones_anew():
    devices = (DeviceColumn("a", "river_post", ("level_m",)),)
    same = (DeviceColumn("a", "river_post", ("level_m",)),)
    assert table("s", "g", devices) is table("s", "g", same)
    assert table("s", "g", devices) is not table("s", "h", devices)
    assert table("t", "g", devices).columns[0].series != table("s", "g", devices).columns[0].series


def test_what_is_kept_has_a_bound():
    """Devices with other names in each frame, with as many quantities as a kept table may have."""
    tables._known.clear()
    tracemalloc.start()
    try:
        for at in range(tables._KEPT + 200):
            devices = tuple(
                DeviceColumn(f"{at}-{number}-{'x' * 50}", "bed_panel", BEDS[:4]) for number in range(16)
            )
            table("s", "g", devices)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(tables._known) == tables._KEPT
    tables._known.clear()
    assert held < 30_000_000


def test_a_frame_of_very_many_devices_is_not_kept():
    tables._known.clear()
    devices = tuple(DeviceColumn(f"d{number}", "door_contact", ("open",)) for number in range(17))
    assert len(table("s", "g", devices).columns) == 17
    table("s", "g", (DeviceColumn("d", "bed_panel", BEDS), DeviceColumn("e", "door_contact", ("open",))))
    assert not tables._known
