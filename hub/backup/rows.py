"""The SQL store as rows: every table in one snapshot, and back into an empty store of either kind.

Neither SQLite's file nor PostgreSQL's dump: rows need no program beside Siaga, pass from one database to the other, and
are never on disk in the clear. The schema itself is not in the backup: it is made again by the migrations, up to the
revision that the rows are of, and brought to the newest once they are in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, MetaData, Table, delete, func, insert, inspect, select, text, tuple_

from hub.backup.errors import BackupError
from hub.db import migrate

PREFIX = "sql/"
ROWS_AT_ONCE = 5000
_VERSION = "alembic_version"

Say = Callable[[str, int], None]
"""Told how far it is: a part's name and how many so far."""


class Dumped(msgspec.Struct, frozen=True):
    """What the manifest says of the rows.

    Attributes:
        revision: of the schema.
        rows: how many of each table.
        last_ids: the last generated number of each table that generates them.
    """

    revision: str
    rows: dict[str, int]
    last_ids: dict[str, int]


def dump(conn: Connection, add: Callable[[str, bytes], None], say: Say) -> Dumped:
    """Hand every row over, within the caller's snapshot.

    Raises:
        BackupError: nothing is there yet.
    """
    if not inspect(conn).has_table(_VERSION):
        raise BackupError("the store is empty", "a hub must have run at it once")
    revision = str(conn.execute(text(f"SELECT version_num FROM {_VERSION}")).scalar_one())  # noqa: S608 - a constant
    counted: dict[str, int] = {}
    last_ids: dict[str, int] = {}
    for table in _tables(conn):
        counted[table.name] = 0
        for at, rows in enumerate(_pages(conn, table)):
            add(f"{PREFIX}{table.name}/{at:06}", msgspec.msgpack.encode(rows))
            counted[table.name] += len(rows)
            say(f"sql {table.name}", counted[table.name])
        last = _last_id(conn, table)
        if last:
            last_ids[table.name] = last
    return Dumped(revision, counted, last_ids)


def is_empty(conn: Connection) -> bool:
    """Whether no hub has ever worked at this store."""
    return not inspect(conn).get_table_names()


class Loader:
    """Puts rows back, in the caller's transaction: make the schema, then ``load`` each member, then ``finish``."""

    def __init__(self, conn: Connection, dumped: Dumped, say: Say) -> None:
        """
        Raises:
            BackupError: the store is not empty.
            StoreError: the backup is of a newer hub.
        """
        if not is_empty(conn):
            raise BackupError("the database is not empty", "restore into a new one, or move the old one away")
        self._conn = conn
        self._dumped = dumped
        self._say = say
        migrate(conn, to=dumped.revision)
        self._tables = {table.name: table for table in _tables(conn)}
        for table in reversed(self._tables.values()):
            conn.execute(delete(table))  # what a migration has put there is in the backup, as it is now
        self._waiting: dict[str, list[bytes]] = {}
        self._loaded = dict.fromkeys(dumped.rows, 0)

    def load(self, member: str, data: bytes) -> None:
        """The rows of a member.

        Raises:
            BackupError: there is no such table, or the rows do not fit it.
        """
        name = member.removeprefix(PREFIX).partition("/")[0]
        table = self._tables.get(name)
        if table is None:
            raise BackupError(f"the backup has a table {name!r} that this hub does not know")
        try:
            rows = msgspec.msgpack.decode(data, type=list[list[Any]])
        except ValueError as error:
            raise BackupError(f"rows of {name} cannot be read: {error}") from error
        columns = [column.name for column in table.columns]
        if any(len(row) != len(columns) for row in rows):
            raise BackupError(f"rows of {name} do not fit its columns")
        self._conn.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
        self._loaded[name] += len(rows)
        self._say(f"sql {name}", self._loaded[name])

    def finish(self) -> None:
        """Count, let numbers go on where they were, and bring the schema to the newest.

        Raises:
            BackupError: rows are missing.
        """
        if self._loaded != self._dumped.rows:
            raise BackupError("rows are missing", "take another backup")
        for name, last in self._dumped.last_ids.items():
            _go_on_after(self._conn, self._tables[name], last)
        migrate(self._conn)


def _tables(conn: Connection) -> list[Table]:
    """The tables that are there, those that others point to first."""
    found = MetaData()
    found.reflect(conn)
    return [table for table in found.sorted_tables if table.name != _VERSION]


def _pages(conn: Connection, table: Table) -> Iterator[list[list[Any]]]:
    """The rows by their primary key, so many at a time; the columns in the table's order."""
    key = tuple_(*table.primary_key.columns)
    query = select(table).order_by(*table.primary_key.columns).limit(ROWS_AT_ONCE)
    at = [list(table.columns).index(column) for column in table.primary_key.columns]
    rows = conn.execute(query).all()
    while rows:
        yield [list(row) for row in rows]
        last = tuple(rows[-1][index] for index in at)
        rows = conn.execute(query.where(key > tuple_(*last))).all() if len(rows) == ROWS_AT_ONCE else []


def _generated(table: Table) -> str | None:
    """The column whose numbers the database gives; None where there is none."""
    columns = list(table.primary_key.columns)
    if len(columns) == 1 and columns[0].type.python_type is int:
        return str(columns[0].name)
    return None


def _has_numbers(conn: Connection) -> bool:
    """Whether the database remembers the numbers that it gave: SQLite makes its table for that with the first one."""
    if conn.dialect.name != "sqlite":
        return True
    return (
        conn.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")).first() is not None
    )


def _last_id(conn: Connection, table: Table) -> int:
    """The last number that the database gave, though its row may be gone; 0 where it gives none."""
    column = _generated(table)
    if column is None or not _has_numbers(conn):
        return 0
    if conn.dialect.name == "sqlite":
        row = conn.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        return int(row.scalar() or 0)
    sequence = _sequence(conn, table, column)
    if sequence is None:
        return 0
    called, last = conn.execute(text(f"SELECT is_called, last_value FROM {sequence}")).one()  # noqa: S608 - of the server
    return int(last) if called else 0


def _go_on_after(conn: Connection, table: Table, last: int) -> None:
    column = _generated(table)
    if column is None or not _has_numbers(conn):
        return
    highest = conn.execute(select(func.max(table.columns[column]))).scalar() or 0
    values = {"name": table.name, "last": max(last, highest)}
    if conn.dialect.name == "sqlite":
        if conn.execute(text("SELECT 1 FROM sqlite_sequence WHERE name = :name"), values).first() is None:
            conn.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), values)
        conn.execute(text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name"), values)
        return
    sequence = _sequence(conn, table, column)
    if sequence is not None:
        conn.execute(
            text("SELECT setval(:sequence, :last, true)"), {"sequence": sequence, "last": values["last"]}
        )


def _sequence(conn: Connection, table: Table, column: str) -> str | None:
    names: Mapping[str, str] = {"table": table.name, "column": column}
    found = conn.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), names).scalar()
    return None if found is None else str(found)
