"""The ledger: what is committed, refused, lost, moved and on its way."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from contract.messages import Beat, ClosedEpoch, LaneAccount, Loss
from contract.ranges import Ranges
from hub.db import Database
from hub.ingest import ledger
from hub.ingest.ledger import TAIL_UNKNOWN, Account, Line, Noted, StreamKey
from hub.ingest.tables import losses
from tests.hub.ingest.frames import BOOT, EPOCH, GATEWAY, NOW_MS

OLD = "00000000000000bb"
PANIC = StreamKey(GATEWAY, EPOCH, "panic")
TELEMETRY = StreamKey(GATEWAY, EPOCH, "telemetry")


def beat(lanes: dict[Any, LaneAccount], **fields: Any) -> Beat:
    return Beat(gateway=GATEWAY, boot=BOOT, mono_ms=1, interval_s=10, lanes=lanes, **fields)


async def note(db: Database, said: Beat) -> list[Noted]:
    return await db.write(lambda conn: ledger.note_beat(conn, GATEWAY, said, now_ms=NOW_MS))


async def commit(db: Database, key: StreamKey, *ranges: tuple[int, int]) -> None:
    await db.write(lambda conn: ledger.note_frame(conn, key, committed=ranges, now_ms=NOW_MS))


async def account(db: Database, key: StreamKey) -> Account:
    return await db.read(lambda conn: ledger.read(conn, key))


async def line(db: Database, lane: str) -> Line:
    found = await db.read(ledger.lines)
    return found[GATEWAY][lane]


async def test_what_is_on_its_way_is_what_was_accepted_and_has_no_fate(database):
    await commit(database, PANIC, (1, 3), (5, 5))
    await database.write(lambda conn: ledger.note_frame(conn, PANIC, refused=[(4, 4)], now_ms=NOW_MS))
    await note(database, beat({"panic": LaneAccount(epoch=EPOCH, next=10, floor=4)}))

    assert await line(database, "panic") == Line(accepted=9, committed=4, on_way=4, refused=1, lost=0)


async def test_what_comes_before_its_beat_counts_as_accepted(database):
    await commit(database, PANIC, (1, 3))

    assert await line(database, "panic") == Line(accepted=3, committed=3)


async def test_a_loss_is_noted_once_and_for_what_the_hub_lacks(database):
    await commit(database, TELEMETRY, (4, 5))
    lost = Loss("telemetry", EPOCH, 3, 6, NOW_MS - 9, NOW_MS - 6, "full")
    said = beat({"telemetry": LaneAccount(epoch=EPOCH, next=8, floor=1)}, lost=(lost,))
    for _ in range(2):
        assert await note(database, said) == [Noted(TELEMETRY, ((3, 6),), False)]

    assert (await account(database, TELEMETRY)).lost.pairs() == ((3, 3), (6, 6))
    rows = await database.read(lambda conn: conn.execute(select(losses)).all())
    assert [(row.first, row.last, row.reason, row.from_ms) for row in rows] == [(3, 6, "full", NOW_MS - 9)]
    assert await line(database, "telemetry") == Line(accepted=7, committed=2, on_way=3, refused=0, lost=2)


async def test_what_was_called_lost_and_comes_all_the_same_is_not_lost(database):
    await note(database, beat({}, lost=(Loss("event", EPOCH, 1, 4, None, None, "full"),)))
    key = StreamKey(GATEWAY, EPOCH, "event")
    await commit(database, key, (2, 3))

    found = await account(database, key)
    assert (found.lost.pairs(), found.committed.pairs()) == (((1, 1), (4, 4)), ((2, 3),))


async def test_a_closed_epoch_has_lost_what_is_neither_here_nor_moved(database):
    old = StreamKey(GATEWAY, OLD, "panic")
    await commit(database, old, (1, 2))
    closed = ClosedEpoch("panic", OLD, 9, ((3, 4), (7, 7)), "quarantine")
    said = beat({"panic": LaneAccount(epoch=EPOCH, next=4, floor=1)}, closed=(closed,))
    for _ in range(2):
        assert await note(database, said) == [Noted(old, (), True)]

    found = await account(database, old)
    assert found.closed
    assert found.lost.pairs() == ((5, 6), (8, 8))
    rows = await database.read(lambda conn: conn.execute(select(losses).order_by(losses.c.first)).all())
    assert [(row.first, row.last, row.reason) for row in rows] == [(5, 6, TAIL_UNKNOWN), (8, 8, TAIL_UNKNOWN)]
    assert await line(database, "panic") == Line(accepted=5 + 3, committed=2, on_way=3, refused=0, lost=3)


async def test_a_card_that_was_replaced_closes_the_epochs_before_it(database):
    old = StreamKey(GATEWAY, OLD, "panic")
    await note(database, beat({"panic": LaneAccount(epoch=OLD, next=6, floor=1)}))
    await commit(database, old, (1, 3))
    assert await note(database, beat({"panic": LaneAccount(epoch=EPOCH, next=1, floor=1)})) == []

    found = await account(database, old)
    assert (found.closed, found.lost.pairs()) == (True, ((4, 5),))


async def test_an_old_beat_that_comes_late_closes_nothing(database):
    await note(database, beat({"panic": LaneAccount(epoch=OLD, next=2, floor=1)}))
    await note(database, beat({"panic": LaneAccount(epoch=EPOCH, next=5, floor=1)}))
    await note(database, beat({"panic": LaneAccount(epoch=OLD, next=2, floor=1)}))

    assert not (await account(database, PANIC)).closed


async def test_the_gateways_word_stands_in_for_telemetry_that_a_crash_forgot(database):
    await commit(database, TELEMETRY, (1, 4))
    await database.write(lambda conn: ledger.note_frame(conn, TELEMETRY, refused=[(6, 6)], now_ms=NOW_MS))
    settled = LaneAccount(epoch=EPOCH, next=21, floor=9, settled=((12, 13),))
    await note(database, beat({"telemetry": settled}))

    found = await account(database, TELEMETRY)
    assert found.accounted.pairs() == ((5, 5), (7, 8), (12, 13))
    assert await line(database, "telemetry") == Line(accepted=20, committed=9, on_way=10, refused=1, lost=0)
    await commit(database, TELEMETRY, (7, 9))
    found = await account(database, TELEMETRY)
    assert found.accounted.pairs() == ((5, 5), (12, 13))


async def test_the_gateways_word_is_not_taken_for_a_panic_that_the_hub_lacks(database):
    await note(database, beat({"panic": LaneAccount(epoch=EPOCH, next=5, floor=5)}))

    assert await line(database, "panic") == Line(accepted=4, committed=0, on_way=4)


async def test_have_tells_panics_and_events_with_the_newest_epoch_first(database):
    def fill(conn: Connection) -> None:
        for at, (epoch, lane) in enumerate(
            [(OLD, "panic"), (EPOCH, "panic"), (EPOCH, "telemetry"), (EPOCH, "event")]
        ):
            ledger.note_frame(
                conn,
                StreamKey(GATEWAY, epoch, lane),
                committed=[(1, 2), (5, 6)],
                refused=[(3, 3)],
                now_ms=NOW_MS + at,
            )
        ledger.note_frame(conn, StreamKey("pos-07", EPOCH, "panic"), committed=[(9, 9)], now_ms=NOW_MS)

    await database.write(fill)
    have = await database.read(lambda conn: ledger.have(conn, GATEWAY))
    whole = ((1, 3), (5, 6))
    assert [(one.lane, one.epoch, one.ranges) for one in have] == [
        ("event", EPOCH, whole),
        ("panic", EPOCH, whole),
        ("panic", OLD, whole),
    ]


async def test_have_fits_a_hello_however_torn_the_streams_are(database, monkeypatch):
    monkeypatch.setattr(ledger, "HAVE_RANGES", 5)
    await commit(database, PANIC, *[(n, n) for n in range(1, 20, 2)])

    have = await database.read(lambda conn: ledger.have(conn, GATEWAY))
    assert [one.ranges for one in have] == [((1, 1), (3, 3), (5, 5), (7, 7), (9, 9))]


SPAN = st.tuples(st.integers(1, 30), st.integers(0, 6)).map(lambda pair: (pair[0], pair[0] + pair[1]))
STEP: st.SearchStrategy[Callable[[Account], object]] = st.one_of(
    SPAN.map(lambda span: lambda account: account.commit([span])),
    SPAN.map(lambda span: lambda account: account.lose(*span)),
    st.tuples(st.integers(1, 30), SPAN).map(
        lambda said: lambda account: account.say_settled(said[0], [said[1]])
    ),
    st.tuples(st.integers(1, 30), SPAN).map(lambda said: lambda account: account.close(said[0], [said[1]])),
)


@given(st.lists(STEP, max_size=20))
def test_no_number_is_both_here_and_lost_and_none_is_counted_twice(steps):
    account = Account()
    committed = Ranges()
    for step in steps:
        step(account)
        for gone in account.lost:
            assert account.committed.overlap(*gone) == []
        committed.update(account.committed)
        assert account.committed == committed, "what is committed stays committed"
    line = Line()
    line.add(account)
    assert min(line.on_way, line.lost, line.committed) >= 0


@pytest.mark.parametrize("key", [PANIC, TELEMETRY])
async def test_an_account_comes_back_as_it_was_stored(database, key):
    made = Account(
        Ranges([(1, 2**53)]),
        Ranges([(2, 2)]),
        Ranges([(3, 4)]),
        Ranges([(5, 5)]),
        Ranges([(9, 9)]),
        2**53,
        True,
        7,
    )
    await database.write(lambda conn: ledger.write(conn, key, made, now_ms=NOW_MS))
    assert await account(database, key) == made


async def test_a_card_that_was_put_back_is_told_to_leave_the_epoch(database):
    assert await note(database, beat({"telemetry": LaneAccount(epoch=EPOCH, next=50, floor=50)})) == []
    said = beat({"telemetry": LaneAccount(epoch=EPOCH, next=20, floor=20)})
    assert await note(database, said) == [Noted(TELEMETRY, (), False, new_epoch=True)], "put_back"
    assert (await account(database, TELEMETRY)).next_seq == 50
    left = ClosedEpoch("telemetry", EPOCH, 20, (), "conflict")
    fresh = beat({"telemetry": LaneAccount(epoch=OLD, next=1, floor=1)}, closed=(left,))
    assert await note(database, fresh) == [Noted(TELEMETRY, (), True)]


async def test_a_frame_that_overtakes_its_beat_is_no_put_back_card(database):
    await commit(database, TELEMETRY, (1, 60))
    assert await note(database, beat({"telemetry": LaneAccount(epoch=EPOCH, next=50, floor=50)})) == []
