"""Floods: when one begins and ends, and that no alarm is lost when the list is drawn together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.alarms.flood import CRITICAL, WINDOW_MS, Flood, collapse, floods

S = 1000


@pytest.mark.parametrize(
    ("alarms", "operators", "is_flood"), [(10, 1, False), (11, 1, True), (11, 2, False), (21, 2, True)]
)
def test_more_than_ten_in_ten_minutes_for_each_operator_is_a_flood(alarms, operators, is_flood):
    rang = [at * S for at in range(alarms)]
    found = floods(rang, operators=operators, now_ms=30 * S)
    assert found == ([Flood((10 * operators) * S, None)] if is_flood else [])


def test_ten_in_ten_minutes_spread_over_more_are_none():
    assert floods([at * 61 * S for at in range(100)], operators=1, now_ms=10_000 * S) == []


def test_a_flood_ends_when_fewer_than_five_are_left():
    rang = [at * S for at in range(20)]
    (found,) = floods(rang, operators=1, now_ms=3 * WINDOW_MS)
    assert found == Flood(10 * S, WINDOW_MS + 15 * S), "four are left when the sixteenth has gone"
    assert floods(rang, operators=1, now_ms=WINDOW_MS + 15 * S - 1) == [Flood(10 * S, None)]


def test_a_second_flood_is_one_of_its_own():
    rang = [*range(0, 20 * S, S), *range(3_000 * S, 3_020 * S, S)]
    assert [one.from_ms for one in floods(rang, operators=1, now_ms=9_000 * S)] == [10 * S, 3_010 * S]


def row(at: int, condition: str, site: str, severity: int = 1) -> dict[str, object]:
    return {"id": at, "condition": condition, "site": site, "severity": severity}


def test_a_power_cut_is_one_line_and_the_press_in_it_its_own():
    rows = [
        row(1, "panic", "rs"),
        *(row(at, "silent", f"s{at}", 2) for at in range(2, 202)),
        row(300, "level", "hulu"),
    ]
    press, cut, level = collapse(rows)
    assert (press.cause, len(press.rows)) == ("panic", 1)
    assert (cut.cause, cut.site, cut.sites, len(cut.rows), cut.severity) == ("silent", "", 200, 200, 2)
    assert (level.site, len(level.rows)) == ("hulu", 1)


def test_equipment_that_has_only_the_place_in_common_is_a_line_of_that_place_and_a_river_is_not_in_it():
    rows = [row(1, "device_down", "rs"), row(2, "ring", "rs"), row(3, "stuck:suhu", "rs")]
    together, alone, river = collapse([*rows, row(4, "ring", "pasar"), row(5, "level", "rs", 2)])
    assert (together.cause, together.site, len(together.rows)) == ("", "rs", 3)
    assert (alone.rows[0]["id"], river.rows[0]["id"]) == (4, 5)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["panic", "silent", "device_down", "level", "no_data:hulu", "no_data:muara"]),
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(ROWS)
def test_every_alarm_is_in_one_line_and_what_is_critical_or_a_press_is_alone(drawn):
    rows = [row(at, *one) for at, one in enumerate(drawn)]
    groups = collapse(rows)
    shown = [one["id"] for group in groups for one in group.rows]
    assert sorted(shown) == list(range(len(rows)))
    assert [group.rows[0]["id"] for group in groups] == sorted(group.rows[0]["id"] for group in groups)
    for group in groups:
        if any(one["severity"] >= CRITICAL or one["condition"] == "panic" for one in group.rows):
            assert len(group.rows) == 1
