"""The SQL store: one writer, urgent work first, and readers beside it.

All SQL in the hub is synchronous SQLAlchemy Core in plain functions that take a ``Connection``; they are called
inside one transaction each. Nothing that uses this store knows whether SQLite or PostgreSQL serves it:

    def open_incident(conn: Connection, ...) -> str: ...
    incident_id = await db.write(lambda conn: open_incident(conn, ...), urgent=True)

SQLite is in WAL mode with ``synchronous=FULL``; the writer begins with BEGIN IMMEDIATE; one process holds the
file by a lock beside it. PostgreSQL is reached by pg8000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Connection, Engine, Integer, MetaData, Table

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


def upsert(
    conn: Connection,
    table: Table,
    values: Mapping[str, Any],
    *,
    key: Iterable[str],
    update: Iterable[str] | None = None,
) -> None:
    """Insert a row or, where one with that key is there, set its other columns.

    Args:
        key: the columns of a primary key or unique constraint.
        update: which columns to set on an existing row; all but the key when None, nothing when empty.
    """
    raise NotImplementedError


class Database:
    """The store of one hub process. The constructor only stores; ``open`` acts.

    Args:
        url: ``sqlite:////path/hub.sqlite`` or ``postgresql+pg8000://user@host/name``.
        engine_factory: replaces the production engines.
        exclusive: hold the file lock of SQLite. False for a short command beside a running hub.
    """

    def __init__(
        self, url: str, *, engine_factory: EngineFactory | None = None, exclusive: bool = True
    ) -> None:
        self.url = url

    def open(self) -> None:
        """Lock the file, migrate the schema to the newest and start the writer. Blocking.

        Raises:
            AlreadyRunning: another process holds the file.
            StoreUnavailable: the store cannot be reached now; call again later.
            StoreError: it is of a newer hub, or broken.
        """

    async def write(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> T:
        """Run fn in one transaction on the writer thread and return its value after the commit.

        Urgent work overtakes all other work that waits. When fn raises, nothing is kept and its error comes here.
        A caller that is cancelled meanwhile does not undo a commit.

        Raises:
            StoreUnavailable: the store did not take it; retryable, nothing is kept.
        """
        raise NotImplementedError

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run fn in one read-only transaction on a reader thread.

        Raises:
            StoreUnavailable: the store cannot be read now.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Finish what waits, stop the threads, let the file go. Idempotent. Blocking."""
