"""SQLite as the spool needs it: a narrow protocol over the card, and its implementation with the standard library.

The deterministic world gives another implementation of both protocols, over a disk that loses what was not synced.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from edge.errors import CardError, CorruptCard, DiskFull

Value = None | int | float | str | bytes
Rows = list[tuple[Any, ...]]


class Database(Protocol):
    """One connection in autocommit mode; BEGIN IMMEDIATE, COMMIT and ROLLBACK are said in SQL.

    Every method raises only DiskFull, CorruptCard and CardError.
    """

    def execute(self, sql: str, params: Sequence[Value] = ()) -> Rows:
        """Run one statement and return all its rows."""

    def execute_many(self, sql: str, params: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each set of parameters."""

    def close(self) -> None:
        """Close the connection. Idempotent."""


class Card(Protocol):
    """Where the spool's files live. Names are paths. Every method raises only DiskFull, CorruptCard and CardError."""

    def open(self, name: str) -> Database:
        """Open or make a database of that name."""

    def size(self, name: str) -> int | None:
        """Bytes of a file, None if there is none."""

    def extend(self, name: str, n_bytes: int) -> None:
        """Make a file at least so long with zeros behind what it has, on the disk before this returns."""

    def rename(self, old: str, new: str) -> None:
        """Rename a file over whatever has the new name, on the disk before this returns."""

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""


# Primary result codes that say that what lies on the card is not what was written there.
_CORRUPT = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_ERROR,
    }
)
_SHORT_READ = 522  # SQLITE_IOERR_SHORT_READ: the file ends where a page should be
_FULL_ERRNO = frozenset({errno.ENOSPC, errno.EDQUOT})
_ZEROS = bytes(1024 * 1024)


def card_error(code: int | None, text: str) -> CardError | CorruptCard:
    """SQLite's result code as an error of ours.

    Args:
        code: extended result code; None where the library gave none, as for text that is not UTF-8.
    """
    if code is not None and code & 0xFF == sqlite3.SQLITE_FULL:
        return DiskFull("full", text, "free space on the card, or give the spool a smaller quota")
    if code is None or code == _SHORT_READ or code & 0xFF in _CORRUPT:
        return CorruptCard("corrupt", text, "the spool sets the file aside; replace the card soon")
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CardError("in use", text, "another gateway process has this spool open")
    return CardError("card", text, "look at the kernel log for errors of the card; it may be read-only")


class FileDatabase:
    """A connection of the standard library's sqlite3. One caller at a time, from any thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Sequence[Value] = ()) -> Rows:
        try:
            return self._connection.execute(sql, params).fetchall()
        except sqlite3.ProgrammingError:
            raise  # a fault of ours says nothing of the card
        except sqlite3.DatabaseError as error:
            raise card_error(getattr(error, "sqlite_errorcode", None), str(error)) from error

    def execute_many(self, sql: str, params: Iterable[Sequence[Value]]) -> None:
        try:
            self._connection.executemany(sql, params)
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.DatabaseError as error:
            raise card_error(getattr(error, "sqlite_errorcode", None), str(error)) from error

    def close(self) -> None:
        try:
            self._connection.close()
        except sqlite3.DatabaseError as error:
            raise card_error(getattr(error, "sqlite_errorcode", None), str(error)) from error


class FileCard:
    """Files of this machine."""

    def open(self, name: str) -> Database:
        try:
            connection = sqlite3.connect(
                name, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=128
            )
        except sqlite3.DatabaseError as error:
            raise card_error(getattr(error, "sqlite_errorcode", None), f"{name}: {error}") from error
        return FileDatabase(connection)

    def size(self, name: str) -> int | None:
        try:
            return Path(name).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _os_error(error) from error

    def extend(self, name: str, n_bytes: int) -> None:
        try:
            with Path(name).open("ab") as file:
                missing = n_bytes - file.tell()
                while missing > 0:
                    missing -= file.write(_ZEROS[:missing])
                file.flush()
                os.fsync(file.fileno())
            _sync_folder(name)
        except OSError as error:
            raise _os_error(error) from error

    def rename(self, old: str, new: str) -> None:
        try:
            Path(old).replace(new)
            _sync_folder(new)
        except OSError as error:
            raise _os_error(error) from error

    def remove(self, name: str) -> None:
        try:
            Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise _os_error(error) from error


def _sync_folder(name: str) -> None:
    folder = os.open(Path(name).parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _os_error(error: OSError) -> CardError:
    if error.errno in _FULL_ERRNO:
        return DiskFull("full", str(error), "free space on the card")
    return CardError("card", str(error), "look at the kernel log for errors of the card")
