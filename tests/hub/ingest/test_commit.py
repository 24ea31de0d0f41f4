"""Panics and events to SQL: once each, whatever comes twice, late, moved, cloned or half."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, event, select

from contract.topics import Lane
from hub.db import Database
from hub.ingest import dead_letter, ledger
from hub.ingest.accept import Dead
from hub.ingest.commit import commit_events, refused_ranges
from hub.ingest.events import AcceptedEvents, Committed, RefusedRecord
from hub.ingest.ledger import StreamKey
from hub.ingest.tables import dead_letters, events
from tests.hub.ingest.frames import EPOCH, GATEWAY, NOW_MS, Recorder, body, event_frame, event_id, judged

OTHER_EPOCH = "00000000000000bb"


def accepted(frame: bytes, lane: Lane = "panic") -> AcceptedEvents:
    verdict = judged(frame, lane)
    assert isinstance(verdict, AcceptedEvents)
    return verdict


def committing(frame: AcceptedEvents, seen: Recorder) -> Callable[[Connection], Committed]:
    return lambda conn: commit_events(conn, frame, now_ms=NOW_MS, consequences=seen)


async def commit(db: Database, seen: Recorder, frame: bytes, lane: Lane = "panic") -> Committed:
    return await db.write(committing(accepted(frame, lane), seen))


async def rows(db: Database) -> list[tuple[str, int, str, bool, bool]]:
    query = select(events.c.epoch, events.c.seq, events.c.event_id, events.c.conflict, events.c.again)
    return [tuple(row) for row in await db.read(lambda conn: conn.execute(query.order_by(events.c.id)).all())]


async def account(db: Database, epoch: str = EPOCH, lane: Lane = "panic") -> ledger.Account:
    return await db.read(lambda conn: ledger.read(conn, StreamKey(GATEWAY, epoch, lane)))


async def test_a_frame_is_stored_with_what_it_causes(database):
    seen = Recorder()
    done = await commit(database, seen, event_frame(body(1), body(2), first=5))

    assert done.ranges == ((5, 6),)
    assert [one.event_id for one in done.new] == [event_id(1), event_id(2)]
    assert seen.panics == list(done.new)
    first = seen.panics[0]
    assert (first.gateway, first.site, first.seq, first.t_ms, first.raw) == (
        GATEWAY,
        "rsud",
        5,
        NOW_MS - 1500,
        body(1),
    )
    assert await rows(database) == [
        (EPOCH, 5, event_id(1), False, False),
        (EPOCH, 6, event_id(2), False, False),
    ]
    assert (await account(database)).committed.pairs() == ((5, 6),)


async def test_the_lanes_have_consequences_of_their_own(database):
    seen = Recorder()
    await commit(database, seen, event_frame(body(1, kind="door_edge"), body(2, kind="tsunami")), "event")

    assert [one.kind for one in seen.events] == ["door_edge", "tsunami"]
    assert seen.panics == []


async def test_a_press_that_strayed_into_the_event_lane_is_a_press(database):
    seen = Recorder()
    await commit(database, seen, event_frame(body(1)), "event")

    assert len(seen.panics) == 1
    assert seen.events == []


async def test_a_duplicate_is_receipted_again_and_causes_nothing(database):
    seen = Recorder()
    frame = event_frame(body(1), body(2))
    await commit(database, seen, frame)
    done = await commit(database, seen, frame)

    assert (done.ranges, done.new, done.duplicates, done.new_epoch) == (((1, 2),), (), 2, False)
    assert len(seen.panics) == 2
    assert len(await rows(database)) == 2


async def test_another_body_under_a_known_key_is_kept_beside_it_and_raises(database):
    seen = Recorder()
    await commit(database, seen, event_frame(body(1)))
    done = await commit(database, seen, event_frame(body(2)))

    assert (done.ranges, done.conflicts, done.new_epoch) == (((1, 1),), 1, True)
    assert [one.event_id for one in seen.panics] == [event_id(1), event_id(2)]
    assert [one.conflict for one in seen.panics] == [False, True]
    again = await commit(database, seen, event_frame(body(2)))
    assert (again.duplicates, again.new_epoch, again.new) == (1, True, ())
    assert len(await rows(database)) == 2


async def test_an_event_that_moved_to_a_new_epoch_causes_nothing_more(database):
    seen = Recorder()
    await commit(database, seen, event_frame(body(1), first=7))
    done = await commit(database, seen, event_frame(body(1), body(2), epoch=OTHER_EPOCH))

    assert (done.ranges, done.copies) == (((1, 2),), 1)
    assert [one.event_id for one in seen.panics] == [event_id(1), event_id(2)]
    assert len(await rows(database)) == 3


async def test_one_id_with_two_bodies_is_two_presses(database):
    seen = Recorder()
    await commit(database, seen, event_frame(body(1)))
    done = await commit(database, seen, event_frame(body(1, device="tombol-2"), first=2))

    assert done.conflicts == 0
    assert len({one.event_id for one in seen.panics}) == 2
    assert seen.panics[1].conflict
    resent = await commit(database, seen, event_frame(body(1, device="tombol-2"), first=2))
    assert resent.duplicates == 1
    moved = await commit(database, seen, event_frame(body(1, device="tombol-2"), epoch=OTHER_EPOCH))
    assert (moved.copies, moved.new) == (1, ())
    assert len(seen.panics) == 2


async def test_the_same_id_of_another_gateway_is_another_press(database):
    seen = Recorder()
    await commit(database, seen, event_frame(body(1)))
    verdict = judged(event_frame(body(1), gateway="pos-07"), "panic", gateway="pos-07", cell=7)
    assert isinstance(verdict, AcceptedEvents)
    await database.write(committing(verdict, seen))

    assert [one.gateway for one in seen.panics] == [GATEWAY, "pos-07"]


async def test_what_comes_again_after_a_restore_says_so(database):
    seen = Recorder()
    await commit(database, seen, event_frame(body(1)))
    await commit(database, seen, event_frame(body(1), body(2), again=True))

    assert [(one.event_id, one.again) for one in seen.panics] == [(event_id(1), False), (event_id(2), True)]


async def test_a_malformed_press_raises_with_its_bytes(database):
    seen = Recorder()
    raw = b'{"tombol":"rusak"}'
    done = await commit(database, seen, event_frame(raw))

    assert done.refused == ()
    assert [(one.malformed, one.raw) for one in seen.panics] == [(True, raw)]


async def test_a_refused_record_is_a_dead_letter_and_its_neighbours_are_stored(database):
    seen = Recorder()
    frame = event_frame(body(1, kind="door_edge"), b"{}", b"[]", body(4, kind="door_edge"))
    done = await commit(database, seen, frame, "event")

    assert (done.ranges, done.refused) == (((1, 1), (4, 4)), ((2, 3, "body"),))
    query = select(dead_letters.c.seq, dead_letters.c.reason, dead_letters.c.payload).order_by(
        dead_letters.c.seq
    )
    letters = await database.read(lambda conn: conn.execute(query).all())
    assert [tuple(row) for row in letters] == [(2, "body", b"{}"), (3, "body", b"[]")]
    book = await account(database, lane="event")
    assert (book.committed.pairs(), book.refused.pairs()) == (((1, 1), (4, 4)), ((2, 3),))
    await commit(database, seen, frame, "event")
    assert await database.read(dead_letter.count) == {"body": 2}


async def test_a_failing_consequence_undoes_the_record_and_the_next_try_is_whole(database):
    seen = Recorder()
    seen.error = RuntimeError("no incident")
    with pytest.raises(RuntimeError):
        await commit(database, seen, event_frame(body(1)))
    assert await rows(database) == []
    assert not (await account(database)).committed
    seen.error = None
    done = await commit(database, seen, event_frame(body(1)))
    assert (done.duplicates, len(seen.panics)) == (0, 1)


async def test_a_crash_at_any_statement_leaves_nothing_behind(database):
    frame = accepted(event_frame(body(1, kind="door_edge"), b"{}", body(3, kind="door_edge")), "event")

    class Crash(Exception):
        pass

    def crashing(at: int) -> Callable[[Connection], Committed]:
        def fn(conn: Connection) -> Committed:
            left = [at]

            @event.listens_for(conn, "after_cursor_execute")
            def after(*_: object) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise Crash

            return commit_events(conn, frame, now_ms=NOW_MS, consequences=Recorder())

        return fn

    crashes = 0
    while True:
        try:
            done = await database.write(crashing(crashes + 1))
        except Crash:
            crashes += 1
            assert await rows(database) == []
            assert await database.read(dead_letter.count) == {}
            assert not (await account(database, lane="event")).known()
        else:
            break
    assert crashes >= 6
    assert (done.ranges, done.duplicates) == (((1, 1), (3, 3)), 0)


async def test_a_message_that_comes_again_and_again_is_one_letter(database):
    dead = Dead("json", "no json\x00", None, "siaga/x\x00", b"\xff" * 9000)
    for late in range(3):
        await database.write(lambda conn, late=late: dead_letter.keep_whole(conn, dead, now_ms=NOW_MS + late))

    row = await database.read(lambda conn: conn.execute(select(dead_letters)).one())
    assert (row.times, row.first_ms, row.last_ms, len(row.payload)) == (
        3,
        NOW_MS,
        NOW_MS + 2,
        dead_letter.WHOLE_BYTES,
    )


async def test_pruning_forgets_the_oldest_unreadable_and_no_refused_record(database):
    def fill(conn: Connection) -> int:
        records = [RefusedRecord(seq, "body", b"{}") for seq in (1, 2)]
        dead_letter.keep_refused(conn, GATEWAY, EPOCH, "event", records, now_ms=NOW_MS)
        for number in range(5):
            dead_letter.keep_whole(conn, Dead("json", "", None, "t", bytes([number])), now_ms=NOW_MS + number)
        return dead_letter.prune(conn, most=2)

    assert await database.write(fill) == 3
    left = await database.read(lambda conn: conn.execute(select(dead_letters.c.payload)).scalars().all())
    assert sorted(left) == [b"\x03", b"\x04", b"{}", b"{}"]


@pytest.mark.parametrize(
    ("records", "ranges"),
    [
        ([], []),
        ([(1, "a")], [(1, 1, "a")]),
        ([(3, "a"), (1, "a"), (2, "a")], [(1, 3, "a")]),
        ([(1, "a"), (2, "b"), (4, "b")], [(1, 1, "a"), (2, 2, "b"), (4, 4, "b")]),
    ],
)
def test_refused_records_are_told_as_ranges(records, ranges):
    assert list(refused_ranges(RefusedRecord(seq, reason, b"") for seq, reason in records)) == ranges
