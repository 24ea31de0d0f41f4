"""SQLite as the spool needs it: a narrow protocol over the card, and its implementation with the standard library.

The deterministic world gives another implementation of both protocols, over a disk that loses what was not synced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

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
