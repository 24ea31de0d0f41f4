"""A DB-API 2.0 face for apsw, as much of it as SQLAlchemy's SQLite dialect asks for.

The hub's SQL thus runs on the fake disk. Connections are in autocommit mode until somebody says BEGIN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apsw

from simulator.world import disk

apilevel = "2.0"
paramstyle = "qmark"
threadsafety = 1
sqlite_version = apsw.sqlite_lib_version()
sqlite_version_info = tuple(int(part) for part in sqlite_version.split("."))
version = sqlite_version
version_info = sqlite_version_info

PARSE_DECLTYPES = 1
PARSE_COLNAMES = 2
Binary = bytes


class Error(Exception):
    """Base of the DB-API's errors."""


class Warning(Exception):  # noqa: A001  the name is the DB-API's
    """Never raised; the DB-API has it."""


class InterfaceError(Error):
    """Misuse of the interface."""


class DatabaseError(Error):
    """Anything the database refuses."""


class DataError(DatabaseError):
    """A value does not fit."""


class OperationalError(DatabaseError):
    """Busy, full, or an input/output error."""


class IntegrityError(DatabaseError):
    """A constraint says no."""


class InternalError(DatabaseError):
    """The database is in a state that it should not be in."""


class ProgrammingError(DatabaseError):
    """The statement is wrong, or the connection is closed."""


class NotSupportedError(DatabaseError):
    """SQLite has no such thing."""


_ERRORS: tuple[tuple[type[Exception], type[Error]], ...] = (
    (apsw.ConstraintError, IntegrityError),
    (apsw.MismatchError, IntegrityError),
    (apsw.TooBigError, DataError),
    (apsw.CorruptError, DatabaseError),
    (apsw.NotADBError, DatabaseError),
    (apsw.SQLError, OperationalError),
    (apsw.ConnectionClosedError, ProgrammingError),
    (apsw.BindingsError, ProgrammingError),
)


def _translate(error: apsw.Error) -> Error:
    for theirs, ours in _ERRORS:
        if isinstance(error, theirs):
            return ours(str(error))
    return OperationalError(str(error))


class Cursor:
    """One statement and its rows. Rows are read at once, so a later write never disturbs them."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []
        self._at = 0
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run one statement."""
        raw = self._connection.raw
        try:
            cursor = raw.cursor()
            seen = _seen.get(sql)
            if seen is None:
                cursor.exec_trace = _remember
            self._rows = cursor.execute(sql, tuple(parameters)).fetchall()
        except apsw.Error as error:
            raise _translate(error) from error
        self._at = 0
        self.description, asks = seen or _seen[sql]
        self.rowcount = -1 if asks else raw.changes()
        self.lastrowid = raw.last_insert_rowid()
        return self

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Cursor:
        """Run one statement for each set of parameters."""
        count = 0
        for row in parameters:
            self.execute(sql, row)
            count += self._connection.raw.changes()
        self.description = None
        self.rowcount = count
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        if self._at >= len(self._rows):
            return None
        self._at += 1
        return self._rows[self._at - 1]

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next rows."""
        start = self._at
        self._at = min(len(self._rows), start + (size or self.arraysize))
        return self._rows[start : self._at]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        rows = self._rows[self._at :] if self._at else self._rows
        self._at = len(self._rows)
        return rows

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []

    def setinputsizes(self, sizes: Any) -> None:
        """Nothing to do; the DB-API asks for it."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Nothing to do; the DB-API asks for it."""


_seen: dict[str, tuple[tuple[tuple[Any, ...], ...] | None, bool]] = {}
"""Of each statement seen its columns and whether it is a SELECT. SQLite tells columns only while it runs, also where
no row comes."""


def _remember(cursor: apsw.Cursor, sql: str, _bindings: Any) -> bool:
    columns = tuple((name, None, None, None, None, None, None) for name, _ in cursor.get_description())
    _seen[sql] = (columns or None, sql.lstrip()[:6].upper() == "SELECT")
    return True


class Connection:
    """A connection on apsw."""

    def __init__(self, raw: disk.Database) -> None:
        self.raw = raw
        self.isolation_level: str | None = None

    def cursor(self, factory: type[Cursor] = Cursor) -> Cursor:
        """A new cursor."""
        return factory(self)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run one statement on a new cursor."""
        return self.cursor().execute(sql, parameters)

    def _end(self, word: str) -> None:
        try:
            if not self.raw.get_autocommit():
                self.raw.execute(word)
        except apsw.Error as error:
            raise _translate(error) from error

    def begin(self) -> None:
        """Begin to write."""
        try:
            self.raw.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            raise _translate(error) from error

    def commit(self) -> None:
        """Commit what is open."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """Roll back what is open."""
        self._end("ROLLBACK")

    def close(self) -> None:
        """Close; what is open is rolled back."""
        self.raw.let_go()

    def create_function(
        self, name: str, narg: int, func: Callable[..., Any], *, deterministic: bool = False
    ) -> None:
        """Give SQLite a scalar function."""
        self.raw.create_scalar_function(name, func, narg, deterministic=deterministic)


def connect(path: str) -> Connection:
    """Open a database file of a mounted disk, made if it is not there."""
    try:
        return Connection(disk.Database(path))
    except apsw.Error as error:
        raise _translate(error) from error
