"""Drills are begun, ended, listed and reported; one at a time, and only where somebody takes part."""

from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import select

from hub.drills import register, report
from hub.drills.register import DrillError, Scenario
from hub.incidents import actions
from hub.incidents.machine import NotFoundError
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.notify import answers, asks, attempts
from hub.notify.channels.base import Answer
from tests.hub.agencies.profile import directory, region
from tests.hub.city import NOW
from tests.hub.notify.asking import LINKS, Assignments, question
from tests.hub.notify.test_outbox import RETRY

SITI = Actor("siti", "console")
SCENARIO = Scenario(title="Kebakaran pasar", kind="fire", place="Pasar Lama")


def begin(conn, now_ms=NOW, among=None):
    return register.start(conn, region(), among or directory(), SCENARIO, actor=SITI, now_ms=now_ms)


def act(conn, incident, action, now_ms, **more):
    version = conn.execute(select(incidents.c.version).where(incidents.c.id == incident)).scalar_one()
    actions.act(conn, region(), incident, action, actor=SITI, version=version, now_ms=now_ms, **more)


def test_a_drill_is_an_unverified_incident_that_carries_its_id(conn):
    started = begin(conn)
    row = conn.execute(select(incidents)).one()
    assert (row.id, row.drill, row.state) == (started.incident_id, started.drill, "unverified")
    assert row.description.startswith("LATIHAN")
    assert register.running(conn) == started.drill


def test_there_is_one_at_a_time_and_none_without_anybody_to_take_part(conn):
    with pytest.raises(DrillError, match="takes part"):
        begin(conn, among=replace(directory(), exercise_contacts={}))
    started = begin(conn)
    with pytest.raises(DrillError, match="going on"):
        begin(conn)
    register.end(conn, region(), started.drill, actor=SITI, note="", now_ms=NOW + 1)
    assert begin(conn, NOW + 2).drill != started.drill


@pytest.mark.parametrize("steps", [[], ["verify"], ["verify", "assign"]])
def test_ending_closes_its_incident_from_wherever_it_is(conn, steps):
    started = begin(conn)
    for step in steps:
        act(conn, started.incident_id, step, NOW + 1, agency="damkar" if step == "assign" else None)
    for _ in range(2):
        register.end(conn, region(), started.drill, actor=SITI, note="radio lambat", now_ms=NOW + 5)
    row = conn.execute(select(incidents)).one()
    assert (row.state, row.closed_ms) == ("cancelled", NOW + 5)
    assert register.running(conn) is None
    assert [one["note"] for one in register.listed(conn)] == ["radio lambat"]


def test_a_drill_that_is_not_there_is_not_found(conn):
    with pytest.raises(NotFoundError):
        register.end(conn, region(), "d0", actor=SITI, note="", now_ms=NOW)
    with pytest.raises(NotFoundError):
        report.of(conn, "d0")


def test_the_report_has_the_time_of_each_step_and_what_nobody_did(conn):
    started = begin(conn)
    act(conn, started.incident_id, "verify", NOW + 20_000)
    act(conn, started.incident_id, "assign", NOW + 30_000, agency="damkar")
    (contact,) = [one for one in directory().exercise_contacts.values() if one.agency == "damkar"]
    its = question(
        incident_id=started.incident_id, assignment=f"{started.incident_id}-1", drill=started.drill
    )
    assert asks.ask(conn, contact, its, now_ms=NOW + 30_000)
    (message,) = attempts.take(conn, lambda lane: 9, now_ms=NOW + 31_000, exercise=True).messages
    taken = Answer("delivered", 200, proves="delivered")
    attempts.finish(conn, message, taken, now_ms=NOW + 31_000, retry=RETRY, random=Random(1))
    offer = answers.find(conn, LINKS, LINKS.token(message.link), now_ms=NOW)
    answers.answer(conn, Assignments(), offer, "received", source="link", now_ms=NOW + 75_000)
    register.end(conn, region(), started.drill, actor=SITI, note="", now_ms=NOW + 600_000)

    told = report.of(conn, started.drill)
    after = {one["step"]: one["after_s"] for one in told["steps"]}
    assert (after["verify"], after["assign"], after["arrive"], after["cancel"]) == (20.0, 30.0, None, 600.0)
    (one,) = told["contacts"]
    assert (one["agency"], one["asked_s"]) == ("damkar", 30.0)
    assert one["proven_s"] == {"sent": 31.0, "delivered": 31.0, "seen": 75.0, "acted": 75.0}
    assert one["answers"] == [{"word": "received", "source": "link", "after_s": 75.0}]
    assert (told["lasted_s"], told["notices"], told["outside"]) == (600.0, 1, 0)
