"""The SQL store: one writer, urgent work first, and readers beside it.

All SQL in the hub is synchronous SQLAlchemy Core in plain functions that take a ``Connection``; each is
called inside one transaction. Nothing that uses this store knows whether SQLite or PostgreSQL serves it:

    def open_incident(conn: Connection, ...) -> str: ...
    incident_id = await db.write(lambda conn: open_incident(conn, ...), urgent=True)

SQLite is in WAL mode with ``synchronous=FULL``; the writer begins with BEGIN IMMEDIATE; one process holds the
file by a lock beside it. PostgreSQL is reached by pg8000; one hub holds the database by a lock in it.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import queue
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import BigInteger, Connection, Engine, Insert, Integer, MetaData, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hub import sole
from hub.errors import AlreadyRunningError, StoreError, StoreUnavailableError

T = TypeVar("T")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of the hub. Each package declares its own in ``tables.py``; ``hub.tables`` imports them all."""

RowId = BigInteger().with_variant(Integer(), "sqlite")
"""Type of a generated primary key: 64 bits everywhere (SQLite generates keys only for INTEGER). Declare the
table with ``sqlite_autoincrement=True`` where a deleted row's id must never come again."""

Ms = BigInteger
"""Type of a time: milliseconds since 1970 in UTC, in a column named ``*_ms``."""

EngineFactory = Callable[[str, bool], Engine]
"""Makes an engine for (url, writer). The deterministic world gives its own."""

MIGRATIONS = Path(__file__).with_name("migrations")
READERS = 2
BUSY_S = 10.0
"""How long a statement waits for a command beside the hub that writes the same SQLite file."""


SERVER_S = 30.0
"""How long PostgreSQL may be silent before it counts as gone; without it a dead network would hold the writer, and
every press behind it, for hours."""

PASSING = ("08", "25006", "40", "53", "55", "57", "58")
"""Beginnings of the SQLSTATEs that say something of the server's moment, not of what was asked: connection, read-only
after a failover, deadlock, disk or memory full, busy, shut down or starting, I/O."""


def upsert(
    conn: Connection,
    table: Table,
    values: Mapping[str, Any],
    *,
    key: Iterable[str],
    update: Iterable[str] | None = None,
) -> bool:
    """Insert a row or, where one with that key is there, set its other columns.

    Args:
        key: the columns of a primary key or unique constraint.
        update: which columns to set on an existing row; all but the key when None, nothing when empty.

    Returns:
        Whether a row was inserted or set; False only where one was there and nothing was to be set.
    """
    keys = tuple(key)
    names = tuple(name for name in values if name not in keys) if update is None else tuple(update)
    return conn.execute(_upserting(conn.dialect.name, table, keys, names), dict(values)).rowcount > 0


@cache
def _upserting(dialect: str, table: Table, keys: tuple[str, ...], names: tuple[str, ...]) -> Insert:
    """The statement of an upsert. Kept: to build it costs several times what SQLite needs to run it."""
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    if names:
        return statement.on_conflict_do_update(
            index_elements=keys, set_={name: statement.excluded[name] for name in names}
        )
    return statement.on_conflict_do_nothing(index_elements=keys)


def production_engine(url: str, writer: bool) -> Engine:
    """An engine as the hub uses it: pragmas and transaction modes on SQLite, a checked pool on PostgreSQL."""
    if make_url(url).get_backend_name() == "sqlite":
        return _sqlite_engine(url, writer)
    return create_engine(
        url,
        pool_size=1 if writer else READERS,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"timeout": SERVER_S},
        hide_parameters=True,  # they hold hashes of passwords and what people did; errors go to the log
        isolation_level="READ COMMITTED" if writer else "REPEATABLE READ",
    )


def _sqlite_engine(url: str, writer: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=1 if writer else READERS,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_S},
        hide_parameters=True,
    )
    begin = "BEGIN IMMEDIATE" if writer else "BEGIN"

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        # The driver's own BEGIN is deferred and comes only before DML; we say when a transaction begins.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-512",  # KiB: what is asked is recent, and the kernel caches the file once for all connections
            f"query_only={'OFF' if writer else 'ON'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        conn.exec_driver_sql(begin)

    return engine


@contextmanager
def translated() -> Any:
    """The driver's errors as ours; an error of the called function passes unchanged."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, TimeoutError, ConnectionError) as error:
        if "no such" in str(error):
            raise StoreError(str(error), "the schema does not fit this hub") from error
        raise StoreUnavailableError(str(error), "is the disk full, or the database server gone?") from error
    except DBAPIError as error:
        if error.connection_invalidated or _sqlstate(error).startswith(PASSING):
            raise StoreUnavailableError(
                str(error), "the database server has gone; it is tried again"
            ) from error
        if "malformed" in str(error) or "not a database" in str(error):
            raise StoreError(str(error), "restore a backup, then run siaga-hub restore-mark") from error
        raise


def _sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's code of the error; empty where it is not of PostgreSQL."""
    told = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return str(told.get("C", "")) if isinstance(told, dict) else ""


class _Job(Generic[T]):
    """A function that waits for the writer, and where its result goes."""

    def __init__(self, fn: Callable[[Connection], T]) -> None:
        self.fn = fn
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[T] = self.loop.create_future()

    def run(self, engine: Engine) -> None:
        settle: Callable[[], None]
        try:
            with translated(), engine.begin() as conn:
                value = self.fn(conn)
        except BaseException as error:
            settle = partial(self.done.set_exception, error)
        else:
            settle = partial(self.done.set_result, value)

        def tell() -> None:
            if not self.done.cancelled():
                settle()

        # A closed loop has nobody who waits any more.
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(tell)


class Database:
    """The store of one hub process. The constructor only stores; ``open`` acts.

    Args:
        url: ``sqlite:////path/hub.sqlite`` or ``postgresql+pg8000://user@host/name``.
        engine_factory: replaces the production engines.
        exclusive: hold the store, so that no second hub works at it. False for a short command beside a running hub.
    """

    def __init__(
        self, url: str, *, engine_factory: EngineFactory | None = None, exclusive: bool = True
    ) -> None:
        self.url = url
        self._make = engine_factory or production_engine
        self._exclusive = exclusive
        self._lock: int | None = None
        # Whoever gave up waiting for ``open`` may close while it still runs in its thread.
        self._turning = threading.RLock()
        self._jobs: queue.PriorityQueue[tuple[int, int, _Job[Any] | None]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._writer: Engine | None = None
        self._reader: Engine | None = None
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None

    @property
    def waiting(self) -> int:
        """How many writes wait now."""
        return self._jobs.qsize()

    def open(self) -> None:
        """Take the store, migrate its schema to the newest and start the writer. Blocking.

        Raises:
            AlreadyRunningError: another process holds it.
            StoreUnavailableError: the store cannot be reached now; call again later.
            StoreError: it is of a newer hub, or broken.
        """
        with self._turning:
            self._take_lock(make_url(self.url))
            try:
                self._make_engines()
            except BaseException:
                self.close()
                raise
            self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="hub-read")
            self._thread = threading.Thread(target=self._serve, name="hub-write", daemon=True)
            self._thread.start()

    def _make_engines(self) -> None:
        self._writer = self._make(self.url, True)
        if self._exclusive and self._writer.dialect.name == "postgresql":
            sole.hold(self._writer, f"siaga-hub {secrets.token_hex(8)}")
        self._reader = self._make(self.url, False)
        with translated(), self._writer.begin() as conn:
            migrate(conn)

    def _take_lock(self, url: URL) -> None:
        if url.get_backend_name() != "sqlite" or not url.database:
            return
        path = Path(url.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self._exclusive:
            return
        self._lock = os.open(
            path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            self._lock = None
            raise AlreadyRunningError(
                f"{path} is held by another process", "one hub to an SQLite file; stop the other one first"
            ) from error
        # Made here so that nobody else may read it; its log gets the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def _serve(self) -> None:
        assert self._writer is not None
        while True:
            _, _, job = self._jobs.get()
            if job is None:
                return
            job.run(self._writer)

    async def write(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> T:
        """Run fn in one transaction on the writer thread and return its value after the commit.

        Urgent work overtakes all other work that waits. When fn raises, nothing is kept and its error comes
        here.
        A caller that is cancelled meanwhile does not undo a commit.

        Raises:
            StoreUnavailableError: the store did not take it; retryable, nothing is kept.
        """
        assert self._thread is not None, "open the database first"
        job = _Job(fn)
        self._jobs.put((0 if urgent else 1, next(self._order), job))
        return await job.done

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run fn in one read-only transaction on a reader thread.

        Raises:
            StoreUnavailableError: the store cannot be read now.
        """
        assert self._pool is not None, "open the database first"
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, fn)

    def _read(self, fn: Callable[[Connection], T]) -> T:
        assert self._reader is not None
        with translated(), self._reader.begin() as conn:
            return fn(conn)

    def close(self) -> None:
        """Finish what waits, stop the threads, let the store go. Idempotent. Blocking, also while ``open`` runs."""
        with self._turning:
            self._stop_threads()
            for engine in (self._reader, self._writer):
                if engine is not None:
                    engine.dispose()
            self._reader = self._writer = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _stop_threads(self) -> None:
        if self._thread is not None:
            self._jobs.put((2, next(self._order), None))
            self._thread.join()
            self._thread = None
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def migrate(conn: Connection, *, to: str = "head") -> None:
    """Bring the schema to a revision, the newest by default, in the caller's transaction. Idempotent.

    Raises:
        StoreError: the schema is of a newer hub.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = conn
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise StoreError(str(error), "this store was last used by a newer hub; run that one") from error
