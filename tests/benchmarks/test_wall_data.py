"""The year of a city that walls are measured on: as dense as it says, and of the tables' own fields."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks import wall_data
from benchmarks.wall_data import DAY_MS, HOUR_MS, MINUTE_MS
from contract.kinds import KINDS
from hub.kpis.measures import MEASURES

NOW = 1_795_000_000_000 // DAY_MS * DAY_MS


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """A year takes a minute to make, most of it different values."""
    monkeypatch.setattr(wall_data, "VARIANTS", 1)


def times(lines, head):
    """Times in ms of one series."""
    return [int(line.rpartition(b" ")[2]) // 1_000_000 for line in lines if line.startswith(head)]


def test_the_city_has_500_points_of_known_kinds():
    assert wall_data.POINTS == 500
    first = {series.raw(NOW).split(b",")[0].decode() for series in wall_data.samples()}
    assert first <= KINDS.keys()


def test_each_database_is_dense_where_walls_look_at_it(monkeypatch):
    (one, *_) = wall_data.samples()
    monkeypatch.setattr(wall_data, "samples", lambda: [one])
    monkeypatch.setattr(wall_data, "measures", list)
    post = b"river_post,device=alat-00,"
    of_raw = times(wall_data.raw(NOW, 1), post)
    assert {b - a for a, b in pairwise(of_raw[-6 * 360 :])} == {10_000}
    assert {b - a for a, b in pairwise(times(wall_data.minute(NOW, 1), post))} == {MINUTE_MS}
    of_long = times(wall_data.long(NOW, 3), post)
    assert {b - a for a, b in pairwise(of_long)} == {HOUR_MS}
    assert len(of_long) == 3 * 24


def test_every_measure_that_is_rolled_up_is_there():
    names = {series.raw(NOW).split(b",")[0].split(b" ")[0].decode() for series in wall_data.measures()}
    assert names == {name for name, one in MEASURES.items() if one.place == "raw" and name != "tiers"}
