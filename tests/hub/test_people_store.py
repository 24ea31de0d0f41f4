"""What people do, on each store that the hub runs on: one whole way through the SQL of incidents, notices and users."""

from random import Random

import pytest

from hub.alarms import service as alarms
from hub.api import audit
from hub.api.auth import lockout, sessions, setup, users
from hub.incidents import actions, reads, timeline
from hub.incidents.service import Incidents
from hub.incidents.timeline import Actor
from hub.life import mark_restored
from hub.notify import attempts, outbox
from hub.notify.channels.base import Answer
from hub.notify.policy import Retry
from tests.hub.city import NOW, REGION, press

SITI = Actor("siti", "api")


async def test_from_the_press_to_the_end_of_the_incident(database):
    first, second = press(), press("btn-2", at=NOW + 1000)

    def come(conn):
        for event in (first, first, second, press(at=NOW + 2000)):
            Incidents(REGION).panic(conn, event)

    await database.write(come)
    found = await database.read(reads.listed)
    assert sorted((one["number"], one["presses"], one["priority"]) for one in found) == [(1, 2, 1), (2, 1, 1)]
    one = next(row["id"] for row in found if row["number"] == 1)

    def work(conn):
        version = actions.claim(conn, one, actor=SITI, version=1, now_ms=NOW)
        for step in ("verify", "assign", "arrive"):
            if step == "arrive":
                version = actions.act(conn, REGION, one, "accept", actor=SITI, version=version, now_ms=NOW)
            version = actions.act(
                conn, REGION, one, step, actor=SITI, version=version, now_ms=NOW, agency="damkar"
            )
        return actions.act(conn, REGION, one, "finish", actor=SITI, version=version, now_ms=NOW)

    assert await database.write(work) == 7
    shown = await database.read(lambda conn: reads.one(conn, one))
    assert (shown["state"], shown["acknowledged_by"]) == ("done", "siti")
    assert await database.read(lambda conn: timeline.broken_at(conn, one)) is None
    assert len(await database.read(alarms.active)) == 1


async def test_notices_are_taken_sent_held_and_released(database):
    await database.write(lambda conn: Incidents(REGION).panic(conn, press()))
    await database.write(lambda conn: Incidents(REGION).panic(conn, press("btn-2")))

    def send(conn):
        taken = attempts.take(conn, lambda lane: 1, now_ms=NOW)
        for message in taken.messages:
            attempts.finish(conn, message, Answer("failed", 500), now_ms=NOW, retry=Retry(), random=Random(1))
        attempts.take(conn, lambda lane: 1, now_ms=NOW)
        return attempts.recover(conn, now_ms=NOW)

    assert await database.write(send) == 1
    states = sorted(row["state"] for row in await database.read(outbox.listed))
    assert states == ["retrying", "retrying"]
    await database.write(lambda conn: mark_restored(conn, now_ms=NOW + 1, random=lambda bits: 7))
    held = await database.read(lambda conn: outbox.listed(conn, state="held"))
    assert len(held) == 2
    keys = [row["key"] for row in held]
    assert await database.write(lambda conn: outbox.release(conn, keys, now_ms=NOW + 2)) == 2


async def test_users_sessions_lockout_and_the_trail(database):
    code = await database.write(lambda conn: setup.new_code(conn, now_ms=NOW))
    await database.write(lambda conn: setup.use_code(conn, code, "kepala", "", "hash", now_ms=NOW))
    token = await database.write(lambda conn: sessions.start(conn, "kepala", address="x", now_ms=NOW))
    found = await database.read(lambda conn: sessions.find(conn, token, sessions.Timeouts(), now_ms=NOW))
    assert found.user == "kepala"
    waits = [
        await database.write(lambda conn: lockout.begin(conn, "kepala", "x", now_ms=NOW)) for _ in range(6)
    ]
    assert waits == [0, 0, 0, 0, 0, 30_000]
    await database.write(lambda conn: lockout.succeed(conn, "kepala", "x"))
    assert await database.write(lambda conn: lockout.begin(conn, "kepala", "x", now_ms=NOW)) == 0
    with pytest.raises(users.UserError):
        await database.write(lambda conn: users.change(conn, "kepala", actor="cli", now_ms=NOW, active=False))
    assert await database.read(audit.first_fault) is None
    assert (await database.read(audit.head)).n == 1
