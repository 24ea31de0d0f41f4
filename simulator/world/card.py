"""The spool's card on the fake disk: the two protocols of edge/sqlite.py over apsw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType

import apsw

from edge.errors import CardError, CorruptCard, DiskFull
from edge.sqlite import Rows, Value
from simulator.world import disk


class _Translated:
    """SQLite's errors as the card's. No generator: a world enters it a thousand times."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, apsw.FullError):
            raise DiskFull("full", str(error)) from error
        if isinstance(error, apsw.CorruptError | apsw.NotADBError):
            raise CorruptCard("corrupt", str(error)) from error
        if isinstance(error, apsw.Error):
            raise CardError("card", f"{type(error).__name__}: {error}") from error


_translated = _Translated()


class WorldDatabase:
    """One connection of a gateway's process to its spool."""

    def __init__(self, path: str) -> None:
        with _translated:
            self._raw = disk.Database(path)

    def execute(self, sql: str, params: Sequence[Value] = ()) -> Rows:
        """Run one statement and return all its rows."""
        with _translated:
            return self._raw.execute(sql, tuple(params)).fetchall()

    def execute_many(self, sql: str, params: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each set of parameters."""
        with _translated:
            self._raw.executemany(sql, (tuple(row) for row in params))

    def close(self) -> None:
        """Close, or let go of what a dead process held."""
        with _translated:
            self._raw.let_go()


class WorldCard:
    """The files of one disk, as one life of a process sees them."""

    def __init__(self, mounted: str, card: disk.Disk) -> None:
        self._mounted = mounted
        self._card = card
        self._generation = card.generation
        self._open: list[WorldDatabase] = []

    def open(self, name: str) -> WorldDatabase:
        """Open or make a database."""
        self._alive()
        database = WorldDatabase(f"/{self._mounted}/{name}")
        self._open.append(database)
        return database

    def size(self, name: str) -> int | None:
        """Bytes of a file, None if there is none."""
        self._alive()
        file = self._card.files.get(name)
        return len(file.live) if file else None

    def extend(self, name: str, n_bytes: int) -> None:
        """Make a file longer with zeros, durably."""
        with _translated:
            self._alive()
            self._card.step()
            file = self._card.files.get(name)
            if file is None:
                file = self._card.files[name] = disk.File()
            more = n_bytes - len(file.live)
            if more > 0:
                self._card.make_room(more)
                file.write(n_bytes - 1, b"\0")
                self._card.step()
                file.sync()

    def rename(self, old: str, new: str) -> None:
        """Rename over whatever has the new name, durably."""
        with _translated:
            self._alive()
            if old not in self._card.files:
                raise apsw.CantOpenError(f"there is no {old}")
            self._card.rename(old, new)

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        with _translated:
            self._alive()
            if name in self._card.files:
                self._card.step()
                del self._card.files[name]

    def let_go(self) -> None:
        """Forget the connections of a process that is dead."""
        for database in self._open:
            database.close()
        self._open.clear()

    def _alive(self) -> None:
        if self._generation != self._card.generation:
            raise CardError("card", "the process is dead")
        if self._card.failing:
            raise CardError("card", "the medium fails")
