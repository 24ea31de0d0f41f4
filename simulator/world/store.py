"""The hub's SQL on the fake disk: the production schema and functions, without threads.

The engine is one for all worlds of a process, because SQLAlchemy compiles each statement once an engine; which
disk it opens is a matter of the moment.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import apsw
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from hub.db import Database, migrate, translated
from simulator.world import dbapi, disk
from simulator.world.machine import Machine

T = TypeVar("T")

FILE = "hub.sqlite"
_PRAGMAS = ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")

_engine: Engine | None = None
_path = ""
_template: dict[str, bytes] | None = None
"""A disk with the newest schema and no row: making the tables anew would cost more than a whole world."""


def _shared_engine() -> Engine:
    global _engine  # noqa: PLW0603  the cache of compiled statements lives in it
    if _engine is None:
        _engine = create_engine(
            "sqlite://",
            module=dbapi,
            creator=lambda: dbapi.connect(_path),
            poolclass=StaticPool,
            pool_reset_on_return=None,  # a life keeps its connection to its end
        )

        @event.listens_for(_engine, "connect")
        def _connect(connection: dbapi.Connection, _record: object) -> None:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")

        _engine.dialect.do_begin = _begin  # type: ignore[assignment]

    return _engine


def _begin(connection: Any) -> None:
    """SQLAlchemy begins a transaction: a statement by its own way would cost as much as those within."""
    connection.driver_connection.begin()


def _open(mounted: str) -> Connection:
    """Open the database on a mounted disk; the connection before it is forgotten."""
    global _path  # noqa: PLW0603  the engine's creator takes no argument
    _path = f"/{mounted}/{FILE}"
    engine = _shared_engine()
    engine.dispose()
    return engine.connect()


def template() -> dict[str, bytes]:
    """The files of a hub that has just been set up."""
    global _template  # noqa: PLW0603  made once a process
    if _template is None:
        blank = disk.Disk()
        disk.mount("template", blank)
        conn = _open("template")
        with conn.begin():
            migrate(conn)
        conn.close()
        _shared_engine().dispose()
        _template = blank.image()
    return _template


class WorldDatabase(Database):
    """The store of one life of the hub's process. Writes take their time one after the other, urgent ones first.

    Args:
        machine: the hub's box; once it is down nothing returns any more.
        committed: called after each commit, before the writer hears of it.
    """

    def __init__(
        self, machine: Machine, random: Random, *, committed: Callable[[apsw.Connection], None]
    ) -> None:
        super().__init__("sqlite://")
        self._machine = machine
        self._life = machine.life
        self._random = random
        self._committed = committed
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._busy = False
        self._count = 0
        self._conn: Connection | None = None
        self._inner: dbapi.Connection | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def open(self) -> None:
        """Open the file and bring its schema to the newest."""
        with translated():
            self._conn = _open(self._machine.name)
        inner = self._conn.connection.driver_connection
        assert isinstance(inner, dbapi.Connection)
        self._inner = inner

    def raw(self) -> apsw.Connection:
        """The connection beneath, for who looks on from outside."""
        assert self._inner is not None, "open the database first"
        return self._inner.raw

    async def write(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> T:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        self._waiting.append((0 if urgent else 1, self._count, turn))
        self._next()
        await turn
        try:
            await self._machine.sleep(self._random.uniform(0.0005, 0.004))
            try:
                value = self._run(fn)
            finally:
                if not self._machine.is_alive(self._life):
                    await self._machine.alive(self._life)
            self._committed(self.raw())
            await self._machine.sleep(self._random.uniform(0.0, 0.002))
            return value
        finally:
            self._busy = False
            self._next()

    def _run(self, fn: Callable[[Connection], T]) -> T:
        assert self._conn is not None, "open the database first"
        with translated(), self._conn.begin():
            return fn(self._conn)

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        self._waiting.sort(key=lambda job: job[:2])
        _, _, turn = self._waiting.pop(0)
        if turn.cancelled():
            self._next()
            return
        self._busy = True
        turn.set_result(None)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        await self._machine.sleep(self._random.uniform(0.0005, 0.002))
        return self._run(fn)

    def close(self) -> None:
        """Let the file go."""
        if self._inner is not None:
            with contextlib.suppress(apsw.Error):
                self._inner.close()
            self._inner = None
