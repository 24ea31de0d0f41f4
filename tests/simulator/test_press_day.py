"""A short day of presses: mistakes alone and in fits, one in earnest, operators who are away, a contact who sleeps."""

from __future__ import annotations

import pytest

import hub.incidents.service
import simulator.press_day.day
from simulator.press_day.__main__ import all_well, lived, told
from simulator.press_day.outcome import Outcome
from simulator.press_day.plan import Scale
from tests.hub.empty_tables import fresh

SHORT = Scale(hours=1.0, mistakes=30, buttons=24, restless=3, operators=2)


def short(seed: int = 3) -> Outcome:
    with fresh() as conn:
        return lived(conn, SHORT, seed)


@pytest.fixture(scope="module")
def found() -> Outcome:
    return short()


def test_every_press_is_in_one_incident_and_those_of_one_button_in_the_same(found):
    assert found.found == found.presses == SHORT.mistakes + 1
    assert found.incidents + found.joined == found.presses
    assert found.most_joined > 1
    assert found.doubled == 0


def test_the_press_in_earnest_is_verified_dispatched_and_answered_though_the_first_contact_sleeps(found):
    steps = found.earnest
    order = ("acknowledge", "verify", "assign", "accept", "arrive", "finish")
    assert [steps[one] for one in order] == sorted(steps[one] for one in order)
    # The first of the agency is waited for, for two minutes; whoever comes next answers.
    assert steps["accept"] - steps["assign"] > 120_000


def test_nobody_waits_unheard(found):
    assert found.unescalated == ()
    assert found.share("acknowledge", 1) > 17_000, "everybody was always there: nothing was tried"
    assert found.told["supervisor"] >= 1
    assert all_well(found)


def test_the_figures_are_told(found):
    lines = "\n".join(told(found))
    assert "1 in earnest" in lines
    assert "most in a minute" in lines


def test_a_hub_that_asks_nobody_further_would_be_seen(monkeypatch):
    monkeypatch.setattr(simulator.press_day.day, "waiting", lambda conn: [])
    alone = short()
    assert {wait.question for wait in alone.unescalated} >= {"acknowledge", "agency"}
    assert not all_well(alone)


def test_presses_that_do_not_join_would_be_seen(monkeypatch):
    monkeypatch.setattr(hub.incidents.service, "_open_incident", lambda conn, event: None)
    apart = short()
    assert apart.joined == 0
    assert apart.doubled > 0
    assert not all_well(apart)
