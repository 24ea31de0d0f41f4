"""What is on record of a gateway: births, beats, silences, the ring's alarm, and the line that people see."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, select

from contract.messages import Beat, LaneAccount, State
from hub.alarms.tables import alarms
from hub.fleet import gateways as fleet
from hub.fleet.tables import silences
from hub.ingest.commit import commit_events
from hub.ingest.events import AcceptedEvents
from tests.hub.ingest.frames import (
    BOOT,
    EPOCH,
    GATEWAY,
    GATEWAYS,
    NOW_MS,
    Recorder,
    body,
    event_frame,
    judged,
)

KNOWN = GATEWAYS[GATEWAY]
HOUR_MS = 3_600_000


def beat(**fields: Any) -> Beat:
    said: dict[str, Any] = {
        "boot": BOOT,
        "mono_ms": 1,
        "lanes": {"panic": LaneAccount(epoch=EPOCH, next=9, floor=1)},
    }
    return Beat(gateway=GATEWAY, interval_s=10, **(said | fields))


async def one(database) -> dict[str, Any]:
    found = await database.read(lambda conn: fleet.overview(conn, GATEWAYS.values()))
    return next(line for line in found if line["gateway"] == GATEWAY)


async def alarm(database, condition: str) -> str | None:
    query = select(alarms.c.state).where(alarms.c.condition == condition)
    state: str | None = await database.read(lambda conn: conn.execute(query).scalar())
    return state


async def test_a_gateway_that_was_never_heard_has_a_line_all_the_same(database):
    line = await one(database)

    assert (line["heard"], line["last_ms"], line["accepted"], line["silent"]) == (False, None, 0, False)


async def test_births_and_beats_are_on_record(database):
    born = State(gateway=GATEWAY, online=True, connection="c1", boot=BOOT, software="1.2", config="abc")
    await database.write(lambda conn: fleet.note_state(conn, GATEWAY, born, now_ms=NOW_MS, retained=False))
    line = await one(database)
    assert (line["online"], line["software"], line["last_ms"], line["health"]) == (True, "1.2", NOW_MS, {})
    await database.write(lambda conn: fleet.note_beat(conn, GATEWAY, beat(cpu_c=51.5), now_ms=NOW_MS + 5))
    line = await one(database)
    assert (line["last_ms"], line["health"]["cpu_c"], line["first_ms"]) == (NOW_MS + 5, 51.5, NOW_MS)
    late = State(gateway=GATEWAY, online=False, connection="c0")
    await database.write(
        lambda conn: fleet.note_state(conn, GATEWAY, late, now_ms=NOW_MS + 8, retained=False)
    )
    assert (await one(database))["online"], "the will of an earlier connection means nothing"
    will = State(gateway=GATEWAY, online=False, connection="c1")
    await database.write(
        lambda conn: fleet.note_state(conn, GATEWAY, will, now_ms=NOW_MS + 9, retained=False)
    )
    line = await one(database)
    assert (line["online"], line["last_ms"], line["software"]) == (False, NOW_MS + 5, "")


async def test_a_beat_that_was_overtaken_says_nothing_of_now(database):
    await database.write(lambda conn: fleet.note_beat(conn, GATEWAY, beat(mono_ms=5000), now_ms=NOW_MS))

    async def old(**fields):
        return await database.read(lambda conn: fleet.is_old(conn, GATEWAY, beat(**fields)))

    assert await old(mono_ms=4999)
    assert not await old(mono_ms=5000)
    assert not await old(mono_ms=1, boot="11111111-another")
    assert not await database.read(lambda conn: fleet.is_old(conn, "gw-never-heard", beat(mono_ms=1)))


async def test_a_silence_is_on_record_once_with_its_alarm_and_ends(database):
    await database.write(lambda conn: fleet.note_beat(conn, GATEWAY, beat(), now_ms=NOW_MS))

    def silent(conn: Connection) -> None:
        fleet.fall_silent(conn, KNOWN, since_ms=None, reason="will", now_ms=NOW_MS + 30_000)

    for _ in range(2):
        await database.write(silent)
    rows = await database.read(lambda conn: conn.execute(select(silences)).all())
    assert [(row.since_ms, row.found_ms, row.until_ms, row.reason) for row in rows] == [
        (NOW_MS, NOW_MS + 30_000, None, "will")
    ]
    assert await alarm(database, "silent") == "unacknowledged"
    line = await one(database)
    assert (line["silent"], line["silent_since_ms"]) == (True, NOW_MS)
    for _ in range(2):
        await database.write(lambda conn: fleet.speak_again(conn, KNOWN, now_ms=NOW_MS + 60_000))
    rows = await database.read(lambda conn: conn.execute(select(silences.c.until_ms)).scalars().all())
    assert rows == [NOW_MS + 60_000]
    assert await alarm(database, "silent") != "unacknowledged"
    assert not (await one(database))["silent"]


@pytest.mark.parametrize(
    ("age_h", "ring_h", "epoch", "alarmed"),
    [
        (50, 10.0, EPOCH, True),
        (50, 50.5, EPOCH, False),  # runs for 50 h only and holds them all
        (80, 10.0, EPOCH, False),  # nothing younger than 72 h is missing
        (50, 71.0, EPOCH, False),
        (50, 10.0, "00000000000000cc", False),  # a card that is new
    ],
)
async def test_a_ring_is_short_when_it_lacks_what_it_should_hold(database, age_h, ring_h, epoch, alarmed):
    frame = judged(event_frame(body(1)), "panic", now_ms=NOW_MS - age_h * HOUR_MS)
    assert isinstance(frame, AcceptedEvents)
    await database.write(lambda conn: commit_events(conn, frame, now_ms=NOW_MS, consequences=Recorder()))
    said = beat(ring_h=ring_h, lanes={"panic": LaneAccount(epoch=epoch, next=9, floor=1)})

    judge: Callable[[Connection], None] = lambda conn: fleet.judge_ring(conn, KNOWN, said, now_ms=NOW_MS)  # noqa: E731
    await database.write(judge)
    assert (await alarm(database, "ring") == "unacknowledged") is alarmed


async def test_an_event_lane_epoch_counts_for_the_ring_too(database):
    frame = judged(event_frame(body(1, kind="door_edge")), "event", now_ms=NOW_MS - 50 * HOUR_MS)
    assert isinstance(frame, AcceptedEvents)
    await database.write(lambda conn: commit_events(conn, frame, now_ms=NOW_MS, consequences=Recorder()))
    said = beat(ring_h=3.0, lanes={"event": LaneAccount(epoch=EPOCH, next=9, floor=1)})
    await database.write(lambda conn: fleet.judge_ring(conn, KNOWN, said, now_ms=NOW_MS))
    assert await alarm(database, "ring") == "unacknowledged"
    full = beat(ring_h=72.0, lanes=said.lanes)
    await database.write(lambda conn: fleet.judge_ring(conn, KNOWN, full, now_ms=NOW_MS + 1))
    assert await alarm(database, "ring") != "unacknowledged"
