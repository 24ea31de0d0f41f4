"""The tables of the alarm machine: no state without a way out, and only a person makes what was announced seen."""

from __future__ import annotations

from typing import get_args

import pytest

from hub.alarms import machine
from hub.alarms.machine import (
    ACTIVE,
    BASES,
    BENEATH,
    PRESENT,
    RELEASED,
    SEEN,
    TRANSITIONS,
    UNSEEN,
    WITHHELD,
    Beneath,
    Position,
    State,
    Step,
    move,
    raising,
)

STATES = get_args(State)
STEPS = get_args(Step)


POSITIONS = sorted(machine.positions())

PERSONS = {"acknowledge", "shelve", "take_out"}
"""What people do; by each they have seen the alarm."""


def test_every_state_and_step_of_the_tables_is_declared():
    assert set(TRANSITIONS) == set(STATES)
    assert set(BENEATH) == set(SEEN) == set(RELEASED) == set(get_args(Beneath))
    for steps in TRANSITIONS.values():
        assert set(steps) <= set(STEPS)
        assert set(steps.values()) <= set(STATES)
    for under in BENEATH.values():
        assert set(under) <= set(STEPS)
        assert set(under.values()) <= set(get_args(Beneath))
    assert set(RELEASED.values()) <= set(BASES)


def test_every_state_is_reached_and_suppressed_over_whatever_there_is():
    assert {position.state for position in POSITIONS} == set(STATES)
    under = {position.beneath for position in POSITIONS if position.state == "suppressed"}
    assert under == set(get_args(Beneath))


@pytest.mark.parametrize("position", POSITIONS)
def test_every_position_has_a_way_to_normal(position):
    assert machine.NORMAL in machine.positions(position)


@pytest.mark.parametrize("position", POSITIONS)
def test_what_was_announced_is_made_seen_by_a_person_or_lapses_and_by_nothing_else(position):
    for step in STEPS:
        after = move(position, step)
        if after is None or position.beneath not in UNSEEN or after.beneath in UNSEEN:
            continue
        assert step in PERSONS | {"lapse"}, (position, step, after)
        assert step != "lapse" or position.state == "returned", "a condition that is there never lapses"


@pytest.mark.parametrize("position", POSITIONS)
def test_only_raising_makes_a_condition_present_and_only_clearing_ends_that(position):
    for step in STEPS:
        after = move(position, step)
        if after is None:
            continue
        if position.beneath not in PRESENT and after.beneath in PRESENT:
            assert step in ("raise", "outgrow")
        if position.beneath in PRESENT and after.beneath not in PRESENT:
            assert step == "clear"


@pytest.mark.parametrize("position", POSITIONS)
def test_what_lies_beneath_an_alarm_that_is_not_withheld_is_its_state(position):
    for step in STEPS:
        after = move(position, step)
        if after is not None and after.state not in WITHHELD:
            assert after.beneath == after.state
            assert step == "release" or position.state not in WITHHELD or step == "outgrow"


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("rearm", [False, True])
@pytest.mark.parametrize("severities", [(1, 0), (1, 1), (1, 2)])
def test_whatever_raising_is_the_tables_have_it(position, rearm, severities):
    step = raising(position, *severities, rearm=rearm, shelved_severity=1)
    new = rearm or severities[1] > severities[0] or position.beneath not in PRESENT
    if step is None:
        assert not new
        return
    after = move(position, step)
    assert after is not None
    assert after.beneath in PRESENT
    if new:
        rings = position.state not in WITHHELD or (position.state == "shelved" and severities[1] > 1)
        assert after.state == ("unacknowledged" if rings else position.state), "a new happening is to be seen"


@pytest.mark.parametrize("severity", [0, 1])
def test_a_shelf_holds_what_is_no_worse_than_what_was_shelved(severity):
    shelved = Position("shelved", "unannounced")
    assert raising(shelved, 0, severity, rearm=False, shelved_severity=1) != "outgrow"
    assert raising(shelved, 0, 2, rearm=False, shelved_severity=1) == "outgrow"


def test_acknowledged_holds_until_clear_and_then_rearms():
    acknowledged = Position("acknowledged", "acknowledged")
    assert raising(acknowledged, 2, 2, rearm=False) is None
    cleared = move(acknowledged, "clear")
    assert cleared == machine.NORMAL
    assert raising(cleared, 2, 2, rearm=False) == "raise"
    assert move(cleared, "raise") == Position("unacknowledged", "unacknowledged")


def test_suppressing_forgets_nothing_and_a_persons_shelf_rings_anew_at_its_end():
    for base in BASES:
        held = move(Position(base, base), "suppress")
        assert held is not None
        assert move(held, "release") == Position(base, base)
        shelf = move(Position(base, base), "shelve")
        assert shelf is not None
        there = base in ACTIVE
        assert move(shelf, "release") == (
            Position("unacknowledged", "unacknowledged") if there else machine.NORMAL
        )
