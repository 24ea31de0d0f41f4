"""The store: transactions, urgency, readers, errors. The same on SQLite and PostgreSQL."""

import asyncio
import socket
import threading

import pytest
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from hub.db import Database, production_engine, upsert
from hub.errors import AlreadyRunningError, StoreError, StoreUnavailableError
from hub.ingest.tables import life


def put(number: int):
    def fn(conn: Connection) -> int:
        conn.execute(insert(life).values(id=number, generation=number, random=2**52, since_ms=2**45))
        return number

    return fn


def count(conn: Connection) -> int:
    return conn.execute(select(func.count()).select_from(life)).scalar_one()


async def test_a_write_is_seen_by_the_next_reader(database):
    assert await database.write(put(1)) == 1

    row = await database.read(lambda conn: conn.execute(select(life)).one())
    assert (row.generation, row.random, row.since_ms) == (1, 2**52, 2**45)


async def test_a_write_that_raises_keeps_nothing(database):
    def half(conn: Connection) -> None:
        put(1)(conn)
        raise RuntimeError("half")

    with pytest.raises(RuntimeError, match="half"):
        await database.write(half)
    assert await database.read(count) == 0
    await database.write(put(1))
    with pytest.raises(IntegrityError):
        await database.write(put(1))
    assert await database.read(count) == 1


async def test_a_reader_cannot_write(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    with pytest.raises(StoreUnavailableError, match="readonly"):
        await db.read(put(1))
    assert await db.read(count) == 0
    db.close()


async def test_urgent_work_overtakes_what_waits(database):
    order: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def slow(_: Connection) -> None:
        begun.set()
        go.wait(10)

    jobs = [asyncio.ensure_future(database.write(slow))]
    await asyncio.to_thread(begun.wait, 10)
    jobs += [
        asyncio.ensure_future(database.write(lambda _, n=n: order.append(f"flush {n}"))) for n in range(3)
    ]
    jobs += [
        asyncio.ensure_future(database.write(lambda _, n=n: order.append(f"panic {n}"), urgent=True))
        for n in range(2)
    ]
    await asyncio.sleep(0)
    assert database.waiting == 5
    go.set()
    await asyncio.gather(*jobs)

    assert order == ["panic 0", "panic 1", "flush 0", "flush 1", "flush 2"]


async def test_readers_go_on_while_the_writer_works(database):
    begun, go = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        put(1)(conn)
        begun.set()
        go.wait(10)

    job = asyncio.ensure_future(database.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    assert await asyncio.wait_for(database.read(count), 5) == 0
    go.set()
    await job
    assert await database.read(count) == 1


async def test_a_caller_that_goes_away_undoes_nothing(database):
    go = threading.Event()

    def slow(conn: Connection) -> None:
        go.wait(10)
        put(1)(conn)

    job = asyncio.ensure_future(database.write(slow))
    await asyncio.sleep(0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    go.set()
    await database.write(lambda _: None)
    assert await database.read(count) == 1


async def test_upsert_inserts_sets_and_leaves(database):
    row = {"id": 1, "generation": 1, "random": 5, "since_ms": 7}

    assert await database.write(lambda conn: upsert(conn, life, row, key=["id"]))
    assert await database.write(
        lambda conn: upsert(conn, life, {**row, "random": 6}, key=["id"], update=["random"])
    )
    assert not await database.write(
        lambda conn: upsert(conn, life, {**row, "random": 9}, key=["id"], update=[])
    )
    found = await database.read(lambda conn: conn.execute(select(life.c.random)).scalar_one())
    assert found == 6


WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def test_what_is_there_survives_closing_and_opening(database_url):
    for expected in (1, 2):
        db = Database(database_url)
        db.open()
        await db.write(put(expected))
        assert await db.read(count) == expected
        db.close()
        db.close()


def test_one_process_holds_the_store_and_a_command_beside_it_may_write(database_url):
    url = database_url
    holder = Database(url)
    holder.open()
    with pytest.raises(AlreadyRunningError):
        Database(url).open()

    async def beside() -> int:
        command = Database(url, exclusive=False)
        command.open()
        try:
            return await command.write(put(3))
        finally:
            command.close()

    assert asyncio.run(beside()) == 3
    holder.close()
    again = Database(url)
    again.open()
    again.close()


@pytest.mark.real
async def test_a_hub_whose_network_broke_takes_its_database_again(postgres):
    """The server may not know for long that the old connection is dead, and it still has the lock."""
    db = Database(postgres.create_database())
    db.open()
    broken = await asyncio.to_thread(db._writer.connect)
    broken.detach()

    assert await db.write(put(1)) == 1
    with pytest.raises(DBAPIError):
        broken.exec_driver_sql("SELECT 1")
    broken.close()
    db.close()


@pytest.mark.real
async def test_a_hub_waits_for_the_one_before_it_that_is_just_ending(postgres):
    url = postgres.create_database()
    first, second = Database(url), Database(url)
    first.open()
    opening = asyncio.create_task(asyncio.to_thread(second.open))
    watching = Database(url, exclusive=False)
    watching.open()
    while not await watching.read(lambda conn: conn.exec_driver_sql(WAITING).scalar_one()):
        assert not opening.done()
    first.close()
    await opening
    assert await second.write(put(1)) == 1
    second.close()
    watching.close()


@pytest.mark.real
async def test_a_hub_that_another_has_followed_writes_no_more(postgres):
    url = postgres.create_database()
    first, second = Database(url), Database(url)
    first.open()
    await first.write(put(1))
    held = await first.write(lambda conn: conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
    await first.read(lambda conn: conn.exec_driver_sql(f"SELECT pg_terminate_backend({held}, 5000)"))
    second.open()

    with pytest.raises(AlreadyRunningError):
        await first.write(put(2))
    assert await second.write(put(3)) == 3
    assert await second.read(count) == 2
    first.close()
    second.close()


async def test_who_gives_up_opening_may_close_at_once(tmp_path):
    """As a hub that is stopped while its store opens in a thread: closing comes after opening, not in its midst."""
    url = f"sqlite:///{tmp_path}/hub.sqlite"
    begun, go = threading.Event(), threading.Event()

    def slow(address: str, writer: bool):
        begun.set()
        assert go.wait(10)
        return production_engine(address, writer)

    db = Database(url, engine_factory=slow)
    opening = asyncio.ensure_future(asyncio.to_thread(db.open))
    await asyncio.to_thread(begun.wait, 10)
    opening.cancel()
    closing = asyncio.ensure_future(asyncio.to_thread(db.close))
    await asyncio.sleep(0.05)
    assert not closing.done()
    go.set()
    await closing

    assert not [one for one in threading.enumerate() if one.name.startswith("hub-")]
    again = Database(url)
    again.open()
    again.close()


def test_sqlite_is_as_durable_as_it_must_be(tmp_path):
    async def pragmas() -> tuple[str, int, int]:
        db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
        db.open()
        try:
            return await db.write(
                lambda conn: tuple(
                    conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                    for name in ("journal_mode", "synchronous", "foreign_keys")
                )
            )
        finally:
            db.close()

    assert asyncio.run(pragmas()) == ("wal", 2, 1)


def test_a_file_that_is_no_database_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "hub.sqlite").write_bytes(b"not a database at all" * 100)

    with pytest.raises(StoreError) as caught:
        Database(f"sqlite:///{tmp_path}/hub.sqlite").open()
    assert not caught.value.retryable
    assert caught.value.hint


def test_a_server_that_is_not_there_is_worth_another_try():
    with pytest.raises(StoreUnavailableError) as caught:
        Database("postgresql+pg8000://siaga@127.0.0.1:1/siaga").open()
    assert caught.value.retryable


def test_a_server_that_says_nothing_counts_as_gone(monkeypatch):
    """As behind a network that swallows everything: the writer, and each press behind it, would wait for ever."""
    monkeypatch.setattr("hub.db.SERVER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+pg8000://siaga@127.0.0.1:{silent.getsockname()[1]}/siaga"
        with pytest.raises(StoreUnavailableError):
            Database(url).open()


@pytest.mark.real
async def test_what_passes_on_the_server_is_worth_another_try_and_what_does_not_is_told(postgres_url):
    async def fails(code: str) -> Exception:
        raising = f"DO $$ BEGIN RAISE EXCEPTION 'so' USING ERRCODE = '{code}'; END $$"
        with pytest.raises((StoreError, DBAPIError)) as caught:
            await db.write(lambda conn: conn.exec_driver_sql(raising))
        return caught.value

    db = Database(postgres_url)
    db.open()
    try:
        for passing in ("53100", "57P01", "57P03", "40P01", "25006", "58030"):
            assert isinstance(await fails(passing), StoreUnavailableError), passing
        for lasting in ("23505", "22003", "42P01"):
            assert not isinstance(await fails(lasting), StoreUnavailableError), lasting
    finally:
        db.close()


async def test_an_error_does_not_say_what_was_to_be_written(database):
    await database.write(put(1))
    with pytest.raises(IntegrityError) as caught:
        await database.write(
            lambda conn: conn.execute(insert(life).values(id=1, generation=1, random=77007700, since_ms=1))
        )
    assert "77007700" not in str(caught.value)


def test_nobody_else_may_read_the_file(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    try:
        modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
    finally:
        db.close()
    assert "hub.sqlite" in modes
    assert not any(modes.values()), modes
