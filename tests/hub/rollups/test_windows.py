"""Hours and days by the city's clock."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.rollups.windows import HOUR_MS, Window, day, hours, slices

TIMES = st.integers(0, 4_000_000_000_000)


@given(TIMES, st.integers(1, 50 * HOUR_MS))
def test_slices_are_the_window_without_gap_and_each_within_an_hour(begin, length):
    window = Window(begin, begin + length)
    parts = list(slices(window))
    assert parts[0].begin_ms == window.begin_ms
    assert parts[-1].end_ms == window.end_ms
    assert all(one.end_ms == other.begin_ms for one, other in pairwise(parts))
    assert all(part.begin_ms // HOUR_MS == (part.end_ms - 1) // HOUR_MS for part in parts)
    assert [hour.begin_ms // HOUR_MS for hour in hours(window)] == [
        part.begin_ms // HOUR_MS for part in parts
    ]


@pytest.mark.parametrize(
    "name", ["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Asia/Kolkata", "Europe/Berlin"]
)
@given(at=TIMES)
def test_every_hour_is_in_one_day_which_follows_on_the_day_before(name, at):
    zone, hour_ms = ZoneInfo(name), at // HOUR_MS * HOUR_MS
    found = day(zone, hour_ms)
    assert found.begin_ms <= hour_ms < found.end_ms
    assert day(zone, found.end_ms).begin_ms == found.end_ms
    assert day(zone, found.begin_ms) == found


def test_a_day_in_jakarta_begins_at_five_in_the_afternoon_of_the_day_before():
    noon = int(dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC).timestamp() * 1000)
    found = day(ZoneInfo("Asia/Jakarta"), noon)
    assert dt.datetime.fromtimestamp(found.begin_ms / 1000, dt.UTC) == dt.datetime(
        2026, 11, 21, 17, tzinfo=dt.UTC
    )
    assert found.end_ms - found.begin_ms == 24 * HOUR_MS
