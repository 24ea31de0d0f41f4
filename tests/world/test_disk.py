"""The fake disk loses what was not synced, and nothing else; SQLite on it keeps what it committed."""

from random import Random

import apsw
import pytest
import sqlalchemy as sa

from simulator.world import dbapi, disk


@pytest.fixture
def card():
    card = disk.Disk()
    disk.mount("card", card)
    yield card
    disk.unmount_all()


def _open(synchronous="full"):
    db = disk.Database("/card/a.db")
    try:
        db.execute("pragma locking_mode=exclusive")
        assert db.execute("pragma journal_mode=wal").fetchall() == [("wal",)]
        db.execute(f"pragma synchronous={synchronous}")
        db.execute("create table if not exists t(a integer primary key, b blob)")
    except apsw.Error:
        db.let_go()
        raise
    return db


def test_synced_bytes_survive_and_unsynced_are_by_chance():
    kept = set()
    for seed in range(40):
        file = disk.File()
        file.write(0, b"a" * 512)
        file.sync()
        file.write(0, b"b" * 1024)
        file.power_cut(Random(seed))
        kept.add(bytes(file.live))
    assert kept == {
        b"a" * 512,
        b"b" * 512,
        b"a" * 512 + b"b" * 512,
        b"b" * 1024,
    }


def test_a_hole_reads_as_zeros_and_a_cut_tail_comes_back():
    file = disk.File()
    file.write(10, b"x")
    assert bytes(file.live) == bytes(10) + b"x"
    file.sync()
    file.truncate(3)
    back = {len(_cut(file, seed)) for seed in range(20)}
    assert back == {3, 11}


def _cut(file, seed):
    twin = disk.File(bytes(file.durable))
    twin.truncate(len(file.live))
    twin.power_cut(Random(seed))
    return twin.live


@pytest.mark.parametrize("synchronous", ["full", "off"])
def test_a_power_cut_at_every_operation_keeps_what_was_committed(card, synchronous):
    """With synchronous=FULL each committed row is there after the cut; without it, some are not."""
    lost = 0
    for seed in range(60):
        card.restore({})
        db = _open(synchronous)
        card.stop_at = card.operations + 1 + seed
        committed = 0
        try:
            for number in range(40):
                db.execute("begin immediate")
                db.execute("insert into t values(?, ?)", (number + 1, bytes(700)))
                db.execute("commit")
                committed = number + 1
        except apsw.IOError:
            pass
        card.power_cut(Random(seed))
        db.let_go()
        try:
            db = _open()
            there = db.execute("select count(*) from t").fetchall()[0][0]
        except apsw.Error:
            there = -1
        assert card.stop_at is None
        if synchronous == "full":
            assert committed <= there <= committed + 1
            assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        lost += there < committed
        db.let_go()
    assert (lost > 0) == (synchronous == "off")


def test_a_crash_of_the_process_keeps_what_it_wrote(card):
    db = _open("off")
    db.execute("insert into t values(1, x'00')")
    card.crash()
    db.let_go()
    assert _open().execute("select count(*) from t").fetchall() == [(1,)]


def test_a_full_card_refuses_growth_and_takes_it_again(card):
    db = _open()
    card.capacity = card.used + 8192
    with pytest.raises(apsw.FullError):
        db.executemany("insert into t(b) values(?)", ((bytes(1000),) for _ in range(100)))
    rows = db.execute("select count(*) from t").fetchall()
    card.capacity = None
    db.execute("insert into t(b) values(?)", (bytes(1000),))
    assert db.execute("select count(*) from t").fetchall()[0][0] == rows[0][0] + 1


def test_a_failing_medium_and_a_void_handle_are_errors(card):
    db = _open()
    card.failing = True
    with pytest.raises(apsw.IOError):
        db.execute("insert into t(b) values(x'01')")
    card.failing = False
    db.execute("insert into t(b) values(x'01')")
    card.crash()
    with pytest.raises(apsw.Error):
        db.execute("insert into t(b) values(x'02')")
    db.let_go()


def _in_transaction(engine, fn):
    with engine.begin() as conn:
        fn(conn)


def test_sqlalchemy_runs_on_it(card):
    engine = sa.create_engine(
        "sqlite://",
        module=dbapi,
        creator=lambda: dbapi.connect("/card/hub.db"),
        poolclass=sa.pool.StaticPool,
    )
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, unique=True),
        sa.Column("data", sa.JSON),
    )
    with engine.begin() as conn:
        table.metadata.create_all(conn)
        conn.exec_driver_sql("BEGIN")
        conn.execute(sa.insert(table), [{"name": "a", "data": [1]}, {"name": "b", "data": None}])
        assert conn.execute(sa.select(table).where(table.c.id > 9)).all() == []

    def clash(conn):
        conn.exec_driver_sql("BEGIN")
        conn.execute(sa.update(table).where(table.c.name == "a").values(data=[2]))
        conn.execute(sa.insert(table).values(name="a"))

    with pytest.raises(sa.exc.IntegrityError):
        _in_transaction(engine, clash)
    with engine.connect() as conn:
        assert [tuple(row) for row in conn.execute(sa.select(table))] == [(1, "a", [1]), (2, "b", None)]
        assert conn.execute(sa.delete(table).where(table.c.id < 9)).rowcount == 2


def test_a_dead_process_does_not_delete_the_files_of_the_next(card):
    """SQLite deletes its log by name when it closes; a dead process must not do so to a living one."""
    dead = _open()
    dead.execute("insert into t values(1, x'00')")
    card.crash()
    living = _open()
    living.execute("insert into t values(2, x'00')")
    dead.let_go()
    card.crash()
    living.let_go()
    assert _open().execute("select a from t").fetchall() == [(1,), (2,)]
