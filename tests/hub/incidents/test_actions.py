"""What people do to an incident: by name, against the version they saw, on the timeline."""

import pytest
from sqlalchemy import select

import hub.tables  # noqa: F401
from hub.alarms import service as alarms
from hub.incidents import actions, reads, timeline
from hub.incidents.machine import CLOSED, NotFoundError, TransitionError, VersionConflictError
from hub.incidents.service import Incidents
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.ingest.answered import answered
from tests.hub.city import NOW, REGION, press

SITI = Actor("siti", "console")
BUDI = Actor("budi", "console")


@pytest.fixture
def one(conn):
    """Id of an open incident."""
    Incidents(REGION).panic(conn, press())
    return conn.execute(select(incidents.c.id)).scalar_one()


def act(conn, one, action, version, **more):
    return actions.act(conn, REGION, one, action, actor=SITI, version=version, now_ms=NOW + 1000, **more)


def test_the_whole_way_from_press_to_done(conn, one):
    version = 1
    for action in ("verify", "assign", "accept", "depart", "arrive", "contain", "finish"):
        version = act(conn, one, action, version, agency="damkar" if action == "assign" else None)
    shown = reads.one(conn, one)
    assert (shown["state"], shown["version"], shown["closed_ms"]) == ("done", 8, NOW + 1000)
    assert shown["assigned_to"] == "damkar"
    # Verifying it says that a person has seen it.
    assert [entry["action"] for entry in shown["timeline"]][:3] == ["open", "verify", "acknowledge"]
    assert shown["acknowledged_by"] == "siti"
    assert alarms.active(conn) == []


def test_assigning_sends_nothing_to_the_agency(conn, one):
    act(conn, one, "verify", 1)
    act(conn, one, "assign", 2, agency="damkar")
    assert {notice["desk"] for notice in reads.one(conn, one)["notices"]} == {"bpbd"}


def test_two_people_cannot_decide_on_what_neither_saw(conn, one):
    act(conn, one, "verify", 1)
    with pytest.raises(VersionConflictError) as caught:
        act(conn, one, "mark_false", 1, note="keliru")
    assert caught.value.found == 2
    assert reads.one(conn, one)["state"] == "verified"


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("arrive", {}),
        ("reopen", {"note": "x"}),
        ("mark_false", {}),
        ("mark_false", {"note": "  "}),
        ("mark_duplicate", {}),
    ],
)
def test_what_the_state_or_the_action_does_not_allow_changes_nothing(conn, one, action, more):
    before = reads.one(conn, one)
    with pytest.raises(TransitionError):
        act(conn, one, action, 1, **more)
    assert reads.one(conn, one) == before


def test_an_unknown_agency_gets_nothing(conn, one):
    act(conn, one, "verify", 1)
    with pytest.raises(TransitionError):
        act(conn, one, "assign", 2, agency="tidak-ada")


def test_an_unknown_incident(conn):
    with pytest.raises(NotFoundError):
        act(conn, "tidak-ada", "verify", 1)
    with pytest.raises(NotFoundError):
        reads.one(conn, "tidak-ada")


def test_a_duplicate_has_a_parent_that_is_none(conn, one):
    Incidents(REGION).panic(conn, press("btn-2"))
    other = next(row["id"] for row in reads.listed(conn) if row["id"] != one)
    act(conn, other, "mark_duplicate", 1, parent_id=one)
    assert reads.one(conn, other)["parent_id"] == one
    for parent in (one, other, "tidak-ada"):
        with pytest.raises((TransitionError, NotFoundError)):
            act(conn, one, "mark_duplicate", 1, parent_id=parent)


@pytest.mark.parametrize("drilled", ["one", "other"])
def test_a_drill_is_never_the_same_as_something_in_earnest(conn, one, drilled):
    Incidents(REGION).panic(conn, press("btn-2"))
    other = next(row["id"] for row in reads.listed(conn) if row["id"] != one)
    which = one if drilled == "one" else other
    conn.execute(incidents.update().where(incidents.c.id == which).values(drill="d1"))
    with pytest.raises(TransitionError):
        act(conn, other, "mark_duplicate", 1, parent_id=one)
    conn.execute(incidents.update().values(drill="d1"))
    act(conn, other, "mark_duplicate", 1, parent_id=one)


def test_a_closed_incident_can_be_reopened_with_a_reason(conn, one):
    act(conn, one, "mark_false", 1, note="anak bermain")
    with pytest.raises(TransitionError):
        act(conn, one, "reopen", 2)
    act(conn, one, "reopen", 2, note="ternyata benar")
    shown = reads.one(conn, one)
    assert (shown["state"], shown["closed_ms"]) == ("reopened", None)


def test_claiming_says_who_and_taking_over_is_express(conn, one):
    version = actions.claim(conn, one, actor=SITI, version=1, now_ms=NOW)
    with pytest.raises(TransitionError):
        actions.claim(conn, one, actor=BUDI, version=version, now_ms=NOW)
    version = actions.claim(conn, one, actor=BUDI, version=version, now_ms=NOW, take_over=True)
    assert reads.one(conn, one)["claimed_by"] == "budi"
    with pytest.raises(TransitionError):
        actions.let_go(conn, one, actor=SITI, version=version, now_ms=NOW)
    actions.let_go(conn, one, actor=BUDI, version=version, now_ms=NOW)
    assert reads.one(conn, one)["claimed_by"] is None


def test_two_who_claim_at_once_do_not_both_get_it(conn, one):
    actions.claim(conn, one, actor=SITI, version=1, now_ms=NOW)
    with pytest.raises(VersionConflictError):
        actions.claim(conn, one, actor=BUDI, version=1, now_ms=NOW)


def test_acknowledging_is_by_name_once_and_changes_no_state(conn, one):
    assert actions.acknowledge(conn, one, actor=SITI, now_ms=NOW + 5) is True
    assert actions.acknowledge(conn, one, actor=BUDI, now_ms=NOW + 9) is False
    shown = reads.one(conn, one)
    assert (shown["acknowledged_by"], shown["acknowledged_ms"]) == ("siti", NOW + 5)
    assert (shown["state"], shown["version"]) == ("unverified", 1)
    assert alarms.active(conn)[0]["state"] == "acknowledged"


def test_a_press_after_the_acknowledgement_asks_for_another(conn, one):
    actions.acknowledge(conn, one, actor=SITI, now_ms=NOW + 5)
    assert reads.one(conn, one)["unseen"] is False
    Incidents(REGION).panic(conn, press(at=NOW + 10))
    assert reads.one(conn, one)["unseen"] is True
    assert actions.acknowledge(conn, one, actor=BUDI, now_ms=NOW + 15) is True
    shown = reads.one(conn, one)
    assert (shown["unseen"], shown["acknowledged_by"]) == (False, "budi")
    assert alarms.active(conn)[0]["state"] == "acknowledged"


@pytest.mark.parametrize("late_ms", [0, 3, 3_600_000])
def test_a_press_that_nobody_saw_rings_whatever_the_clock_says_of_when_it_came(conn, one, late_ms):
    # Received while somebody acknowledged the one before, or after the clock was set back by an hour.
    actions.acknowledge(conn, one, actor=SITI, now_ms=NOW + 5)
    second = press(at=NOW + 5 - late_ms)
    Incidents(REGION).panic(conn, second)
    assert reads.one(conn, one)["unseen"] is True
    told = [event for events in answered(conn, since_ms=0).values() for event in events]
    assert len(told) == 1
    assert second.event_id not in told
    assert actions.acknowledge(conn, one, actor=BUDI, now_ms=NOW + 9) is True
    assert len(answered(conn, since_ms=0)["gw-rs-1"]) == 2


def test_an_acknowledgement_holds_though_the_clock_was_set_back(conn, one):
    assert actions.acknowledge(conn, one, actor=SITI, now_ms=NOW - 60_000) is True
    assert reads.one(conn, one)["unseen"] is False


def test_a_note_is_on_the_timeline_and_an_empty_one_is_not(conn, one):
    actions.add_note(conn, one, "menelepon IGD", actor=SITI, now_ms=NOW)
    with pytest.raises(TransitionError):
        actions.add_note(conn, one, " ", actor=SITI, now_ms=NOW)
    assert [e["note"] for e in timeline.entries(conn, one)] == ["", "menelepon IGD"]


def test_the_list_of_closed_ones_has_the_last_first_however_urgent_those_before_were(conn, one):
    Incidents(REGION).panic(conn, press(gateway="gw-pasar"))
    (second,) = (row["id"] for row in reads.listed(conn) if row["id"] != one)
    conn.execute(incidents.update().where(incidents.c.id == second).values(priority=1))
    act(conn, second, "mark_false", 1, note="uji")
    actions.act(conn, REGION, one, "mark_false", actor=SITI, version=1, now_ms=NOW + 2000, note="uji")
    assert [row["id"] for row in reads.listed(conn, states=CLOSED)] == [one, second]
    assert [row["id"] for row in reads.listed(conn, states=CLOSED, limit=1)] == [one]


def test_the_list_has_the_urgent_first_and_the_closed_apart(conn, one):
    Incidents(REGION).panic(conn, press(gateway="gw-pasar"))
    Incidents(REGION).panic(conn, press("btn-2", at=NOW + 1000))
    assert [row["number"] for row in reads.listed(conn)] == [3, 1, 2]
    act(conn, one, "mark_false", 1, note="uji")
    assert [row["number"] for row in reads.listed(conn)] == [3, 2]
    assert [row["number"] for row in reads.listed(conn, states=["false_alarm"])] == [1]
