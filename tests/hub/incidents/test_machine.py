"""The tables of the incident machine: whole, labelled, and without a dead end."""

import pytest

from hub.incidents.machine import (
    ACTIONS,
    BY_AGENCIES,
    CLOSED,
    LABELS,
    NEEDS_NOTE,
    OPEN,
    STATES,
    TRANSITIONS,
    TransitionError,
    target,
)
from hub.incidents.progress import PART_STEPS


def test_every_state_is_in_the_table_and_has_a_way_out():
    assert set(TRANSITIONS) == set(STATES)
    for state, ways in TRANSITIONS.items():
        assert any(to != state for to in ways.values()), f"{state} is a dead end"


def test_every_action_is_used_and_every_target_is_a_state():
    assert {action for ways in TRANSITIONS.values() for action in ways} == set(ACTIONS) - set(PART_STEPS)
    assert set(ACTIONS) >= set(PART_STEPS)
    assert {to for ways in TRANSITIONS.values() for to in ways.values()} <= set(STATES)
    assert set(ACTIONS) >= NEEDS_NOTE


def test_every_open_state_can_reach_a_closed_one_and_every_state_can_be_reached():
    for start in OPEN:
        assert reached(start) & CLOSED, f"{start} can never be closed"
    by_people = set(STATES) - BY_AGENCIES | {"assigned"}
    assert reached("unverified") | reached("recovered") | {"recovered"} == by_people


def test_only_release_leads_from_recovered_to_work():
    """Nothing about a recovered incident leaves the hub before a person releases or closes it."""
    work = {action for action, to in TRANSITIONS["recovered"].items() if to not in CLOSED}
    assert work == {"release"}


def test_nothing_goes_from_a_press_to_an_agency_without_verification():
    assert TRANSITIONS["unverified"].keys().isdisjoint({"assign", *PART_STEPS})


def test_labels_are_indonesian_first_and_complete():
    assert set(LABELS) == set(STATES)
    assert LABELS["unverified"] == ("Belum diverifikasi", "Unverified")
    assert all(indonesian and english for indonesian, english in LABELS.values())


def test_a_way_that_is_not_in_the_table_is_refused_and_one_that_is_leads_on():
    assert target("unverified", "verify") == "verified"
    with pytest.raises(TransitionError):
        target("unverified", "arrive")


def reached(start):
    found, waiting = set(), [start]
    while waiting:
        for to in TRANSITIONS[waiting.pop()].values():
            if to not in found:
                found.add(to)
                waiting.append(to)
    return found
