"""Which hours are to be made again because samples came late, and were corrected.

A mark is on record before the samples that caused it are receipted: a hub that is killed has either the mark, or gets
the samples again and marks them again. A mark that is set again while its hour is being made stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, and_, delete, or_, select
from sqlalchemy.exc import SQLAlchemyError

from hub.db import Database, upsert
from hub.errors import StoreError
from hub.rollups.tables import rollup_marks, rollup_progress
from hub.rollups.windows import HOUR_MS, floor

log = logging.getLogger(__name__)

EVERYBODY = ""
"""Stands for all gateways, and for the measures of the walls."""

EVER_MS = 2**62

RETRY_S = 0.5
AT_ONCE = 200
"""Marks in one transaction, so that a press never waits for a whole city's."""

Key = tuple[int, str]
"""Begin of the hour and gateway."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Marks whose hours are being made.

    Attributes:
        hours: gateways by the begin of the hour.
        turns: how often each had been set.
    """

    hours: Mapping[int, frozenset[str]]
    turns: Mapping[Key, int]


class Marks:
    """The marks of now. Lives on the event loop.

    Attributes:
        limit_ms: samples of before this are late: no pass that is still to come looks at their minute by itself. Until
            it is known all are.
        on_record: called when marks have come to be on record.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._turns: dict[Key, int] = {}
        self._unsaved: set[Key] = set()
        self._some = asyncio.Event()
        self.limit_ms = EVER_MS
        self.on_record: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._turns)

    def open(self, limit_ms: int, keys: Iterable[Key]) -> None:
        """Take up what was on record at start. What came before that is marked already."""
        self.limit_ms = limit_ms
        for key in keys:
            self._turns.setdefault(key, 0)

    def note(self, gateway: str, times_ms: Iterable[int]) -> bool:
        """Late samples of these times are stored. Whether it is on record, so that they may be receipted."""
        waits = False
        for key in {(floor(t_ms, HOUR_MS), gateway) for t_ms in times_ms}:
            if key not in self._turns:
                self._unsaved.add(key)
            self._turns[key] = self._turns.get(key, 0) + 1
            waits = waits or key in self._unsaved
        if waits:
            self._some.set()
        return not waits

    async def save(self) -> None:
        """Put marks on record as they come. Runs until cancelled."""
        while True:
            await self._some.wait()
            try:
                await self.save_once()
            except (StoreError, SQLAlchemyError) as error:
                log.warning("rollup_marks_not_saved error=%s", error)
                await asyncio.sleep(RETRY_S)

    async def save_once(self) -> None:
        """Put on record what is not yet.

        Raises:
            StoreError: the store does not take it.
        """
        while self._unsaved:
            some = sorted(self._unsaved)[:AT_ONCE]
            await self._db.write(partial(_save, keys=some))
            self._unsaved.difference_update(some)
        self._some.clear()
        self.on_record()

    def take(self, most_hours: int) -> Taken:
        """The newest hours that are marked and on record, to be made now."""
        ready = [key for key in self._turns if key not in self._unsaved]
        newest = sorted({hour for hour, _ in ready}, reverse=True)[:most_hours]
        turns = {key: self._turns[key] for key in ready if key[0] in newest}
        hours = {hour: frozenset(gateway for at, gateway in turns if at == hour) for hour in newest}
        return Taken(hours, turns)

    async def done(self, taken: Taken) -> None:
        """These hours are made; those that were marked again meanwhile stay.

        Raises:
            StoreError: the marks are still on record, and their hours are made again after a restart.
        """
        over = [key for key, turn in taken.turns.items() if self._turns.get(key) == turn]
        for key in over:
            del self._turns[key]
        for begin in range(0, len(over), AT_ONCE):
            await self._db.write(partial(_delete, keys=over[begin : begin + AT_ONCE]))


def read(conn: Connection) -> tuple[int | None, list[Key]]:
    """How far the minutes are made, None where never, and the marks."""
    until_ms = conn.execute(select(rollup_progress.c.until_ms)).scalar()
    return until_ms, [(row.hour_ms, row.gateway) for row in conn.execute(select(rollup_marks))]


def mark(conn: Connection, hours_ms: Iterable[int]) -> None:
    """These hours are to be made again for everybody; a hub that runs hears of it at its next start."""
    _save(conn, [(hour_ms, EVERYBODY) for hour_ms in hours_ms])


def advance(conn: Connection, until_ms: int) -> None:
    """Minutes before this are made."""
    upsert(conn, rollup_progress, {"id": 1, "until_ms": until_ms}, key=("id",))


def _save(conn: Connection, keys: Iterable[Key]) -> None:
    for hour_ms, gateway in keys:
        upsert(conn, rollup_marks, {"hour_ms": hour_ms, "gateway": gateway}, key=("hour_ms", "gateway"))


def _delete(conn: Connection, keys: Iterable[Key]) -> None:
    of = [
        and_(rollup_marks.c.hour_ms == hour_ms, rollup_marks.c.gateway == gateway)
        for hour_ms, gateway in keys
    ]
    conn.execute(delete(rollup_marks).where(or_(*of)))
