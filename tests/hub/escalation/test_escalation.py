"""Somebody is asked until somebody answers: whom, when, and what ends it."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from hub import life
from hub.alarms import service as alarms
from hub.errors import StoreUnavailableError
from hub.escalation import machine, reads
from hub.escalation.machine import LADDERS, STATES, TRANSITIONS, left_ms
from hub.escalation.tables import escalations
from hub.incidents import actions, assignments
from hub.incidents import reads as incident_reads
from hub.incidents.service import Incidents
from hub.incidents.timeline import Actor
from hub.notify.asks import AskError
from tests.hub.city import NOW, REGION, press
from tests.hub.escalation.city import CONTACTS, contact, desk, directory

SITI = Actor("siti", "console")


@pytest.fixture
def city():
    with desk() as made:
        yield made


def pressed(city, **more):
    """A press; the id of its incident."""
    Incidents(REGION).panic(city.conn, press(at=city.clock.wall, **more))
    return incident_reads.newest(city.conn, limit=1)[0]["id"]


def act(city, one, action, **more):
    version = incident_reads.one(city.conn, one)["version"]
    now_ms = city.clock.wall
    actions.act(city.conn, REGION, one, action, actor=SITI, version=version, now_ms=now_ms, **more)


def see(city, one):
    actions.acknowledge(city.conn, one, actor=SITI, now_ms=city.clock.wall)


def say(city, one, word, n=1):
    return assignments.answered(
        city.conn,
        incident_id=one,
        assignment=f"{one}-{n}",
        agency="damkar",
        contact="damkar-first",
        word=word,
        source="link",
        note="",
        now_ms=city.clock.wall,
    )


def states(city):
    return {(row.ladder, row.state) for row in city.conn.execute(select(escalations))}


def exhausted(city):
    there = [one for one in alarms.active(city.conn) if one["condition"] == "escalation_exhausted"]
    return [one["state"] for one in there if one["state"] != "returned"]


def test_the_table_has_no_dead_end_and_every_state_can_begin_again_or_end():
    assert set(TRANSITIONS) == set(STATES)
    for ways in TRANSITIONS.values():
        assert {"begin", "answer", "end"} & set(ways)
    assert all(len(set(levels)) == len(levels) for levels in LADDERS.values())


async def test_what_nobody_sees_goes_to_the_supervisor_after_15_s_and_to_the_head_after_2_min_more(city):
    pressed(city)
    await city.wait(14.9)
    assert city.who == []
    await city.wait(0.2)
    assert city.who == ["bpbd-supervisor"]
    await city.wait(119.7)
    assert city.who == ["bpbd-supervisor"]
    await city.wait(0.3)
    assert city.who == ["bpbd-supervisor", "bpbd-head"]


async def test_who_sees_it_in_time_ends_that_question_and_begins_the_next(city):
    one = pressed(city)
    await city.wait(10)
    see(city, one)
    await city.wait(59)
    assert city.who == []
    await city.wait(2)
    assert city.who == ["bpbd-supervisor"]
    assert {("acknowledge", "answered"), ("decide", "waiting")} == states(city)


async def test_a_decision_in_time_asks_nobody_of_the_desk(city):
    one = pressed(city)
    see(city, one)
    act(city, one, "mark_false", note="anak-anak")
    await city.wait(3600)
    assert city.who == []
    assert {state for _, state in states(city)} == {"ended"}


async def test_with_nobody_at_the_page_the_supervisor_is_told_at_once(city):
    city.attended = False
    one = pressed(city)
    await city.wait(0)
    assert city.who == ["bpbd-supervisor"]
    (found,) = reads.of(city.conn, one)
    assert [(step["level"], step["outcome"]) for step in found["steps"]] == [
        ("", ""),
        ("operator", "unheard"),
        ("supervisor", "told"),
    ]


async def test_an_agency_is_asked_at_once_and_up_its_ladder_until_it_answers(city):
    one = pressed(city)
    act(city, one, "verify")
    act(city, one, "assign", agency="damkar")
    await city.wait(0)
    assert city.who == ["damkar-first"]
    await city.wait(241)
    assert city.who == ["damkar-first", "damkar-second", "damkar-supervisor"]
    assert say(city, one, "received")
    await city.wait(3600)
    assert city.who == ["damkar-first", "damkar-second", "damkar-supervisor"]
    assert exhausted(city) == []


async def test_who_cannot_is_followed_by_the_next_at_once(city):
    one = pressed(city)
    act(city, one, "verify")
    act(city, one, "assign", agency="damkar")
    await city.wait(5)
    say(city, one, "cannot")
    await city.wait(0)
    assert city.who == ["damkar-first", "damkar-second"]
    say(city, one, "received")
    await city.wait(5)
    say(city, one, "cannot")
    await city.wait(0)
    assert city.who[-1] == "damkar-second", "not the first, who has just said that they cannot"
    await city.wait(61)
    assert city.who[-1] == "bpbd-supervisor", "the room is to find another"


async def test_agencies_are_asked_each_on_its_own(city):
    city.people = directory(*CONTACTS, contact("bpbd", "first"))
    one = pressed(city)
    act(city, one, "verify")
    act(city, one, "assign", agency="damkar")
    act(city, one, "assign", agency="bpbd")
    await city.wait(0)
    say(city, one, "received")
    await city.wait(121)
    assert city.who == ["damkar-first", "bpbd-first", "bpbd-supervisor"]


async def test_everybody_twice_and_then_an_alarm_until_somebody_answers(city):
    one = pressed(city)
    await city.wait(3600)
    assert city.who == ["bpbd-supervisor", "bpbd-head"], "in the second round they were asked a moment ago"
    assert exhausted(city) == ["unacknowledged"]
    assert ("acknowledge", "exhausted") in states(city)
    see(city, one)
    assert exhausted(city) == []
    await city.wait(61)
    assert city.who[2:] == ["bpbd-supervisor"]


async def test_a_second_round_asks_again_when_the_first_was_long_ago(city):
    slow = replace(machine_delays(), supervisor_s=400.0)
    city.people = replace(city.people, delays_by_kind={"": slow})
    pressed(city)
    await city.wait(3600)
    assert city.who == ["bpbd-supervisor", "bpbd-head"] * 2
    assert len({key for key, _ in city.asked}) == 4


def machine_delays():
    return directory().delays("panic")


async def test_a_new_press_rings_anew_even_where_everybody_was_asked(city):
    one = pressed(city)
    await city.wait(3600)
    assert pressed(city) == one
    await city.wait(16)
    assert city.who == ["bpbd-supervisor", "bpbd-head", "bpbd-supervisor"]
    assert exhausted(city) == []


async def test_a_new_press_does_not_put_off_what_is_already_due(city):
    pressed(city)
    await city.wait(10)
    pressed(city)
    await city.wait(6)
    assert city.who == ["bpbd-supervisor"]


async def test_who_stands_on_two_levels_is_asked_once(city):
    same = ("bpbd", "supervisor"), ("bpbd", "head")
    boss = [contact(agency, step, name="boss") for agency, step in same]
    city.people = directory(boss[0])
    city.people = replace(city.people, contacts={"a": boss[0], "b": boss[1]})
    one = pressed(city)
    await city.wait(200)
    assert city.who == ["boss"]
    outcomes = [step["outcome"] for step in reads.of(city.conn, one)[0]["steps"]]
    assert outcomes == ["", "page", "told", "already"]


async def test_levels_without_anybody_or_without_a_channel_are_passed_by_at_once(city):
    city.people = directory(contact("damkar", "first", channels=()), contact("damkar", "head"))
    one = pressed(city)
    act(city, one, "verify")
    act(city, one, "assign", agency="damkar")
    await city.wait(0)
    assert city.who == ["damkar-head"]
    agency = reads.of(city.conn, one)[-1]
    assert [step["outcome"] for step in agency["steps"]] == ["", "unreachable", "nobody", "nobody", "told"]


async def test_where_there_is_nobody_at_all_the_alarm_stands_at_once(city):
    city.people, city.attended = directory(), False
    pressed(city)
    await city.wait(0)
    assert exhausted(city) == ["unacknowledged"]


async def test_a_recovered_incident_asks_nobody_before_it_is_released(city):
    one = pressed(city, again=True)
    await city.wait(3600)
    assert (city.who, states(city)) == ([], set())
    act(city, one, "release", note="tombol itu nyata")
    await city.wait(61)
    assert city.who == ["bpbd-supervisor"]


async def test_a_drill_asks_only_exercise_contacts_and_no_other_way_is_there(city):
    stand_in = contact("bpbd", "supervisor", name="latihan-1", channels=("latihan-hook",), exercise=True)
    city.people, city.attended = directory(*CONTACTS, exercise=(stand_in,)), False
    one = pressed(city)
    city.conn.exec_driver_sql("UPDATE incidents SET drill = 'd-1'")
    await city.wait(3600)
    assert set(city.who) == {"latihan-1"}
    city.people = replace(city.people, exercise_contacts=city.people.contacts)
    assert pressed(city) == one
    with pytest.raises(AskError):
        await city.wait(0)
    assert set(city.who) == {"latihan-1"}


async def test_one_that_cannot_be_asked_keeps_nobody_else_from_being_asked(city):
    city.attended = False
    one = pressed(city)
    city.conn.exec_driver_sql("UPDATE incidents SET drill = 'd-1'")
    city.people = replace(city.people, exercise_contacts=city.people.contacts)
    other = pressed(city, gateway="gw-pasar")
    with pytest.raises(AskError):
        await city.wait(0)
    assert [key.split("/")[1] for key, _ in city.asked] == [other]
    assert one != other


async def test_after_a_restore_nobody_is_asked_by_old_escalations(city):
    one = pressed(city)
    life.mark_restored(city.conn, now_ms=city.clock.wall, random=lambda bits: 7)
    await city.wait(3600)
    assert (city.who, exhausted(city)) == ([], ["unacknowledged"])
    see(city, one)
    await city.wait(61)
    assert city.who == ["bpbd-supervisor"]


@pytest.mark.parametrize("step_s", [-40 * 365 * 86_400, -3600, 3600, 10 * 365 * 86_400])
async def test_a_clock_that_jumps_makes_nobody_be_asked_late_or_early(city, step_s):
    pressed(city)
    await city.wait(10)
    city.clock.wall += step_s * 1000
    await city.wait(4.9)
    assert city.who == []
    await city.wait(0.2)
    assert city.who == ["bpbd-supervisor"]
    await city.wait(120)
    assert city.who == ["bpbd-supervisor", "bpbd-head"]


async def test_a_restart_goes_on_where_it_was(city):
    pressed(city)
    await city.wait(16)
    city.restart()
    await city.wait(118.9)
    assert city.who == ["bpbd-supervisor"]
    city.restart()
    await city.wait(0.2)
    assert city.who == ["bpbd-supervisor", "bpbd-head"]


async def test_what_became_due_while_the_hub_was_down_is_done_at_its_start(city):
    pressed(city)
    await city.wait(1)
    city.clock.run(3_600_000)
    city.restart()
    await city.wait(0)
    assert city.who == ["bpbd-supervisor"]


async def test_a_restart_with_a_clock_that_was_set_back_waits_no_longer_than_a_whole_wait(city):
    pressed(city)
    await city.wait(14)
    city.clock.wall -= 365 * 86_400_000
    city.restart()
    await city.wait(14.9)
    assert city.who == []
    await city.wait(0.2)
    assert city.who == ["bpbd-supervisor"]


def test_what_is_left_to_wait_is_never_more_than_the_wait_and_never_less_than_nothing():
    assert left_ms(NOW + 500, 1000, NOW) == 500
    assert left_ms(NOW + 500, 1000, NOW - 86_400_000) == 1000
    assert left_ms(NOW + 500, 1000, NOW + 86_400_000) == 0


async def test_somebody_who_answers_while_the_rung_is_taken_is_not_passed_over(city, monkeypatch):
    one = pressed(city)
    await city.wait(1)
    city.clock.run(20_000)
    write = type(city.escalation._db).write

    async def late(self, fn, *, urgent=False):
        see(city, one)
        return await write(self, fn, urgent=urgent)

    monkeypatch.setattr(type(city.escalation._db), "write", late)
    await city.escalation.step()
    assert city.who == []


async def test_a_store_that_takes_nothing_is_asked_again_and_nothing_is_lost(city, monkeypatch):
    pressed(city)
    await city.wait(1)
    city.clock.run(20_000)

    async def down(self, fn, *, urgent=False):
        raise StoreUnavailableError("full")

    with monkeypatch.context() as broken:
        broken.setattr(type(city.escalation._db), "write", down)
        with pytest.raises(StoreUnavailableError):
            await city.escalation.step()
    await city.settle()
    assert city.who == ["bpbd-supervisor"]


def test_the_needs_of_an_incident_are_settled_whatever_was_there(city):
    one = pressed(city)
    see(city, one)
    row = city.conn.execute(select(escalations)).first()
    assert row is not None
    for state in STATES:
        for stands in ("begin", "answer", "end"):
            need = machine.Need("acknowledge", one, stands, NOW)
            step = machine.step_to(state, need, NOW - 1)
            after = TRANSITIONS[state][step] if step else state
            fits = {"begin": {"waiting"}, "answer": {"answered"}, "end": {"ended", "answered"}}
            assert after in fits[stands] | ({"ended"} if stands == "answer" else set())
