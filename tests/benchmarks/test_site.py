"""A bus with dead units and a day offline, quickly: that requests are merged, and that every record is told of."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import bus, outage
from contract.ranges import Ranges
from edge.drivers.instruments import Library
from edge.drivers.registers import plan

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:ssl.TLSVersion")]


async def test_a_bus_with_dead_units_and_a_day_offline(tmp_path):
    """Beside each other, to take half the time: no figure of so short a run is judged, only that nothing is missing."""
    meters, offline = await asyncio.gather(
        bus.measure(tmp_path / "bus", quick=True), outage.measure(tmp_path / "outage", quick=True)
    )

    plain = meters["plain"]
    assert plain["requests_unmerged_per_s"] == 100
    assert plain["all"]["units_answering"] == bus.UNITS
    assert plain["all"]["requests_per_s"] <= 27
    assert plain["five_dead"]["units_answering"] == bus.UNITS - bus.DEAD

    found = offline["half_a_week"]
    assert found["records"] == 4 * 8640
    assert found["unaccounted"] == 0
    # The quota holds about half of it; of the other half nothing is silent.
    assert min(found["came"], found["declared_lost"]) > 10_000
    assert found["live_after_connecting_s"] < 5


def test_a_record_that_nobody_told_of_is_seen():
    assert outage.unaccounted(Ranges([(3, 9)]), Ranges([(1, 1)]), 10) == 2
    assert outage.unaccounted(Ranges([(3, 10)]), Ranges([(1, 2)]), 10) == 0


@pytest.mark.parametrize(("layout", "requests"), [(bus.PLAIN, 1), (bus.WIDE, 2)])
def test_the_registers_of_a_unit_take_few_requests(tmp_path, layout, requests):
    (tmp_path / "bench_meter.toml").write_text(bus.instrument_toml(layout))
    planned = plan(Library([tmp_path]).load("bench_meter"))
    assert len(planned) == requests
    assert sum(one.count for one in planned) >= layout.registers - (layout is bus.WIDE) * 100
