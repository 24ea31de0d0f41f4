"""Agencies' parts: each its own clock, the incident follows, and only people give them."""

from itertools import product

import pytest

from hub.incidents import actions, assignments, reads, timeline
from hub.incidents.machine import BY_AGENCIES, NotFoundError, TransitionError
from hub.incidents.progress import (
    AT_WORK,
    ENDED,
    MOMENTS,
    PART_LABELS,
    PART_STEPS,
    PART_TRANSITIONS,
    PARTS,
    WORDS,
    derived,
)
from hub.incidents.service import Incidents
from hub.incidents.timeline import Actor
from tests.hub.city import NOW, REGION, press

SITI = Actor("siti", "console")


@pytest.fixture
def one(conn):
    """Id of a verified incident."""
    Incidents(REGION).panic(conn, press())
    (found,) = reads.listed(conn)
    act(conn, found["id"], "verify")
    return found["id"]


def act(conn, one, action, *, at=NOW + 1000, actor=SITI, **more):
    version = reads.one(conn, one)["version"]
    return actions.act(conn, REGION, one, action, actor=actor, version=version, now_ms=at, **more)


def say(conn, one, word, n=1, *, agency="damkar", at=NOW + 2000):
    return assignments.answered(
        conn,
        incident_id=one,
        assignment=f"{one}-{n}",
        agency=agency,
        contact="damkar-pos",
        word=word,
        source="link",
        note="",
        now_ms=at,
    )


def parts(conn, one):
    return [(part["agency"], part["state"]) for part in reads.one(conn, one)["assignments"]]


def test_the_tables_are_whole_and_end_in_what_is_over():
    assert set(PART_TRANSITIONS) == set(PARTS) == set(PART_LABELS)
    assert {step for ways in PART_TRANSITIONS.values() for step in ways} == set(PART_STEPS)
    assert set(WORDS.values()) < set(PART_STEPS)
    for part, ways in PART_TRANSITIONS.items():
        assert bool(ways) != (part in ENDED)
        assert part in MOMENTS or part == "refused"


@pytest.mark.parametrize("states", [*product(PARTS, repeat=2)])
def test_an_incident_is_as_far_as_the_furthest_agency_at_work(states):
    at_work = [AT_WORK.index(state) for state in states if state in AT_WORK]
    found = derived(states)
    if at_work:
        assert found == AT_WORK[max(at_work)]
    else:
        assert found == ("contained" if "done" in states else "verified")


def test_two_agencies_each_have_a_clock_and_the_incident_follows(conn, one):
    act(conn, one, "assign", agency="damkar", at=NOW + 10)
    act(conn, one, "assign", agency="bpbd", at=NOW + 20)
    act(conn, one, "arrive", agency="bpbd", at=NOW + 30)
    shown = reads.one(conn, one)
    assert shown["state"] == "on_scene"
    damkar, bpbd = shown["assignments"]
    assert (damkar["assigned_ms"], damkar["arrived_ms"]) == (NOW + 10, None)
    assert (bpbd["assigned_ms"], bpbd["arrived_ms"]) == (NOW + 20, NOW + 30)
    act(conn, one, "complete", agency="bpbd")
    assert reads.one(conn, one)["state"] == "assigned", "the other is still to come"
    act(conn, one, "withdraw", agency="damkar")
    assert reads.one(conn, one)["state"] == "contained"


def test_which_agency_is_to_be_said_where_two_could_be_meant(conn, one):
    act(conn, one, "assign", agency="damkar")
    act(conn, one, "assign", agency="bpbd")
    with pytest.raises(TransitionError, match="which agency"):
        act(conn, one, "accept")
    act(conn, one, "accept", agency="bpbd")
    act(conn, one, "accept")
    assert {state for _, state in parts(conn, one)} == {"accepted"}


def test_an_agency_at_work_is_not_assigned_twice_and_one_that_could_not_gets_a_new_clock(conn, one):
    act(conn, one, "assign", agency="damkar")
    with pytest.raises(TransitionError):
        act(conn, one, "assign", agency="damkar")
    act(conn, one, "refuse")
    assert reads.one(conn, one)["state"] == "verified"
    act(conn, one, "assign", agency="damkar", at=NOW + 99)
    assert parts(conn, one) == [("damkar", "withdrawn"), ("damkar", "assigned")]
    assert reads.one(conn, one)["assignments"][1]["assigned_ms"] == NOW + 99


def test_a_contact_answers_and_may_skip_what_came_before(conn, one):
    act(conn, one, "assign", agency="damkar")
    assert say(conn, one, "on_scene", at=NOW + 5000) is True
    shown = reads.one(conn, one)
    assert (shown["state"], shown["assignments"][0]["arrived_ms"]) == ("on_scene", NOW + 5000)
    assert shown["timeline"][-1]["actor"] == "damkar:damkar-pos"
    assert say(conn, one, "received") is False, "that came late and says nothing new"
    assert say(conn, one, "on_scene") is False
    assert reads.one(conn, one)["version"] == shown["version"]
    assert say(conn, one, "done") is True
    assert say(conn, one, "done") is False
    assert reads.one(conn, one)["state"] == "contained"


def test_nobody_answers_for_another_agency_or_for_what_is_over(conn, one):
    act(conn, one, "assign", agency="damkar")
    with pytest.raises(NotFoundError):
        say(conn, one, "received", agency="bpbd")
    with pytest.raises(NotFoundError):
        say(conn, one, "received", n=2)
    act(conn, one, "cancel", note="salah alamat")
    assert parts(conn, one) == [("damkar", "withdrawn")]
    with pytest.raises(TransitionError):
        say(conn, one, "received")


def test_finishing_ends_every_part(conn, one):
    act(conn, one, "assign", agency="damkar")
    act(conn, one, "assign", agency="bpbd")
    act(conn, one, "arrive", agency="damkar")
    act(conn, one, "finish")
    assert parts(conn, one) == [("damkar", "done"), ("bpbd", "withdrawn")]


@pytest.mark.parametrize("set_back_ms", [0, 3_600_000])
def test_what_agencies_did_before_it_was_reopened_says_nothing_about_now(conn, one, set_back_ms):
    act(conn, one, "assign", agency="damkar")
    say(conn, one, "done")
    act(conn, one, "finish", at=NOW + 3000)
    then = NOW + 4000 - set_back_ms
    act(conn, one, "reopen", note="menyala lagi", at=then)
    act(conn, one, "assign", agency="damkar", at=then + 1000)
    act(conn, one, "withdraw", at=then + 2000)
    assert reads.one(conn, one)["state"] == "verified"
    act(conn, one, "assign", agency="bpbd", at=then + 3000)
    say(conn, one, "done", 3, agency="bpbd", at=then - 3_600_000)
    assert reads.one(conn, one)["state"] == "contained"


def test_only_a_person_who_is_logged_in_verifies_or_sends_an_agency(conn):
    Incidents(REGION).panic(conn, press())
    (found,) = reads.listed(conn)
    for source in ("hub", "gateway", "link", "sms", "app"):
        for action in ("verify", "assign", "accept"):
            with pytest.raises(TransitionError):
                act(conn, found["id"], action, actor=Actor("x", source), agency="damkar")
    assert reads.one(conn, found["id"])["state"] == "unverified"
    act(conn, found["id"], "verify", actor=Actor("siti", "api"))


def test_merging_is_on_both_timelines(conn, one):
    Incidents(REGION).panic(conn, press("btn-2"))
    other = next(row["id"] for row in reads.listed(conn) if row["id"] != one)
    (found,) = reads.one(conn, one)["suggested"]
    assert (found["id"], found["apart_m"]) == (other, 0)
    act(conn, other, "mark_duplicate", parent_id=one)
    assert timeline.entries(conn, one)[-1]["action"] == "merge"
    assert reads.one(conn, one)["suggested"] == []


def test_what_is_far_away_or_long_ago_is_not_suggested(conn, one):
    Incidents(REGION).panic(conn, press(gateway="gw-pasar"))
    Incidents(REGION).panic(conn, press("btn-2", at=NOW + 31 * 60_000))
    assert reads.one(conn, one)["suggested"] == []


def test_every_state_by_agencies_is_an_open_one_that_offers_their_steps(conn, one):
    act(conn, one, "assign", agency="damkar")
    for step in ("accept", "depart", "arrive", "contain"):
        assert step in reads.one(conn, one)["can"]
        act(conn, one, step)
        assert reads.one(conn, one)["state"] in BY_AGENCIES
