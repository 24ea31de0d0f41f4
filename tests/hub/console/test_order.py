"""The order of the list of incidents: nobody waits for ever behind those who come later."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.console.incidents import FRESH, OVERDUE_MS, in_order, shown

NOW = 1_790_000_000_000


def row(number, waits_ms, *, priority=2, acknowledged_ms=None, pressed_ms=None, state="unverified"):
    """An incident as ``reads.listed`` gives it, opened so long ago."""
    opened_ms = NOW - waits_ms
    last_ms = opened_ms if pressed_ms is None else pressed_ms
    return {
        "id": f"i{number}",
        "number": number,
        "state": state,
        "priority": priority,
        "unseen": acknowledged_ms is None or last_ms > acknowledged_ms,
        "opened_ms": opened_ms,
        "acknowledged_ms": acknowledged_ms,
        "last_press_ms": last_ms,
    }


def numbers(*rows):
    listed = sorted(rows, key=lambda one: (one["priority"], -one["number"]))
    return [one["number"] for one in in_order(listed, NOW)]


def test_the_newest_is_first_until_somebody_has_waited_too_long():
    assert numbers(row(1, OVERDUE_MS - 1), row(2, 5_000), row(3, 0)) == [3, 2, 1]
    assert numbers(row(1, OVERDUE_MS + 9), row(2, OVERDUE_MS), row(3, 5_000), row(4, 0)) == [1, 2, 4, 3]


def test_a_long_wait_is_no_urgency():
    assert numbers(row(1, 10 * OVERDUE_MS), row(2, 0, priority=1)) == [2, 1]
    assert numbers(row(1, 10 * OVERDUE_MS, priority=1), row(2, 0)) == [1, 2], "nor against it"


def test_what_somebody_has_seen_waits_for_nobody():
    seen = row(1, 10 * OVERDUE_MS, acknowledged_ms=NOW - OVERDUE_MS)
    assert numbers(seen, row(2, 0)) == [2, 1]
    again = row(1, 10 * OVERDUE_MS, acknowledged_ms=NOW - 9 * OVERDUE_MS, pressed_ms=NOW - OVERDUE_MS)
    assert numbers(again, row(2, 0)) == [1, 2], "pressed again, and not seen for as long"
    again = row(1, 10 * OVERDUE_MS, acknowledged_ms=NOW - 9 * OVERDUE_MS, pressed_ms=NOW - 1)
    assert numbers(again, row(2, 0)) == [2, 1], "pressed again just now"


def test_a_recovered_one_stays_last_however_old():
    assert numbers(row(1, 10 * OVERDUE_MS, state="recovered"), row(2, 0)) == [2, 1]


@given(st.lists(st.integers(0, 4 * OVERDUE_MS), min_size=1, max_size=40))
def test_who_has_waited_too_long_has_nobody_younger_before_them(waits):
    rows = [row(number, waits_ms) for number, waits_ms in enumerate(sorted(waits, reverse=True))]
    found = in_order(reversed(rows), NOW)
    assert sorted(one["number"] for one in found) == list(range(len(rows))), "each once"
    opened = [one["opened_ms"] for one in found]
    overdue = sorted(opened_ms for opened_ms in opened if NOW - opened_ms >= OVERDUE_MS)
    assert opened[: len(overdue)] == overdue
    assert opened[len(overdue) :] == sorted(opened[len(overdue) :], reverse=True)


@pytest.mark.parametrize("many", [5, 20, 21, 300])
def test_the_newest_press_is_in_a_list_that_is_too_short(many):
    rows = [row(number, (many - number) * OVERDUE_MS) for number in range(many)]
    listed = shown(in_order(reversed(rows), NOW), 20)
    assert len(listed) == min(many, 20)
    found = [one["number"] for one in listed]
    assert found[0] == 0, "who waits longest"
    assert found[-1] == many - 1, "who has just come"
    assert found == sorted(found)
    if many > 20:
        assert found[: 20 - FRESH] == list(range(20 - FRESH))


def test_what_was_seen_takes_no_place_of_a_new_press():
    rows = [row(0, 0), *(row(number, 0, acknowledged_ms=NOW) for number in range(1, 40))]
    assert shown(rows[1:] + rows[:1], 20)[-1]["number"] == 0
