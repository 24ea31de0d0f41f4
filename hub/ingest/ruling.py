"""The rules of rules.toml at work in a hub: taken from their file while it runs, woken every second, stored.

A file that is bad changes nothing: the rules that are in force go on, and the log says what to write instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from contract.strict_toml import TomlError
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError, StoreUnavailableError
from hub.ingest.events import StoredEvent
from hub.region import Region
from hub.rules import book as books
from hub.rules import past, store
from hub.rules.law import Judge
from hub.rules.model import LIVE_AGE_MS, Sample
from hub.rules.running import Running
from hub.rules.verdict import Mark, Standing, Subject, Verdict
from hub.series.errors import SeriesError

log = logging.getLogger(__name__)

T = TypeVar("T")

STORE_PAUSE_S = 0.5
TICK_S = 1.0
LOOK_EVERY = 2
SAVE_EVERY = 5
"""In ticks."""

SAVED_AT_ONCE = 500
"""Places in one transaction, so that a panic never waits for a whole city's."""

JUMP_MS = 10_000
"""The machine's time was set by more than this: nobody's silence is judged by the old one."""

Stamp = tuple[int, int]
"""Time and size of a file; another one means that it was written."""


class Ruling:
    """Takes samples, events and time to the rules, and their verdicts to the alarms.

    Args:
        folder: the region profile; rules.toml in it may be missing.
        series: InfluxDB, for what happened just before the start; None without.
        listening: whether the hub hears its gateways now.
        changed: told of a verdict when it is on record.

    Attributes:
        path: the file.
        say: where verdicts go; ``hub.ingest.judging.Judging`` sets it.
        owing: gateways of which a change is not on record yet; set likewise.
        mistakes: why the file is not in force; empty where it is.
    """

    def __init__(
        self,
        region: Region,
        folder: Path,
        db: Database,
        clock: Clock,
        *,
        series: past.Series | None,
        listening: Callable[[], bool],
        changed: Callable[[Verdict], None],
    ) -> None:
        self._region = region
        self.path = folder / books.NAME
        self._db = db
        self._clock = clock
        self._series = series
        self._listening = listening
        self._changed = changed
        self._running = Running(region)
        self._stamp: Stamp | None = None
        self._heard_ms: int | None = None
        self._offset_ms: int | None = None
        self._known: tuple[list[Standing], list[Mark]] = [], []
        self._unwritten: Counter[tuple[str, Subject]] = Counter()
        self.say: Callable[[Verdict], None] = lambda _: None
        self.owing: Callable[[], set[str]] = set
        self.mistakes: tuple[str, ...] = ()

    @property
    def book(self) -> books.Book:
        """The rules in force."""
        return self._running.book

    def watched(self, gateway: str) -> frozenset[str]:
        """Devices of that gateway that a rule looks at."""
        return self._running.watched(gateway)

    def judge(self, sample: Sample, now_ms: int) -> None:
        """A sample was accepted. Pure and quick; what it decides is queued."""
        for verdict in self._running.judge(sample, now_ms):
            self._say(verdict)

    def stored(self, new: Sequence[StoredEvent]) -> None:
        """These events are new and on record. Old ones, and those that came again, say nothing about now."""
        now_ms = self._clock.now_ms()
        for event in new:
            if event.again or event.age_ms is None or event.age_ms > LIVE_AGE_MS:
                continue
            at_ms = now_ms - event.age_ms
            for verdict in self._running.happened(
                event.gateway, event.device, event.kind, event.event_id, at_ms
            ):
                self._say(verdict)

    def written(self, verdict: Verdict) -> None:
        """A verdict is on record, or cannot be."""
        key = verdict.rule, verdict.subject
        self._unwritten[key] -= 1
        if not self._unwritten[key]:
            del self._unwritten[key]
        self._changed(verdict)

    def _say(self, verdict: Verdict) -> None:
        self._unwritten[verdict.rule, verdict.subject] += 1
        self.say(verdict)

    # Start

    async def open(self) -> None:
        """Take the rules into force, and up what they knew, however long the store is away. Before the first frame."""
        self._known = await self._read(store.restore)
        await self.look()
        if self.mistakes:
            await self._last_good()
        if self.mistakes and not self.book.rules:
            # Nobody can say now what stood raised by which rule; what is on record stays until a file is good again.
            return
        self._take_up(self._clock.now_ms())
        await self._recall(self._clock.now_ms())

    async def _read(self, fn: Callable[[Connection], T]) -> T:
        while True:
            try:
                return await self._db.read(fn)
            except StoreUnavailableError as error:
                log.warning("judging store=down error=%s", error)
                await asyncio.sleep(STORE_PAUSE_S)

    def _take_up(self, now_ms: int) -> None:
        """How the rules stood when the hub was last stopped; once."""
        standings, marks = self._known
        self._known = [], []
        for verdict in self._running.restore(standings, marks, now_ms):
            self._say(verdict)

    async def _last_good(self) -> None:
        """The file is bad at the start: the rules that were in force last go on, where they still fit the region."""
        text = await self._read(store.last_text)
        if text is None:
            return
        try:
            found = books.parse(text, self._region, "rules.toml in force")
        except TomlError as error:
            log.error("rules_refused version=last mistakes=%d %s", len(error.mistakes), error.reports[0])
            return
        self._adopt(found)

    async def _recall(self, now_ms: int) -> None:
        """What rules remember of the time before: events from SQL, values from InfluxDB."""
        events = await self._read(lambda conn: past.events(conn, self._running.built, now_ms))
        for gateway, device, kind, event_id, at_ms in events:
            self._running.happened(gateway, device, kind, event_id, at_ms, live=False)
        if self._series is None:
            return
        try:
            count = await past.warm(self._running, self._series, now_ms)
        except SeriesError as error:
            log.warning("rules_not_warmed error=%s", error)
        else:
            log.info("rules_warmed samples=%d", count)

    # Time

    async def run(self) -> None:
        """Wake the rules, look at their file, and store how they stand. Runs until cancelled."""
        ticks, failing = 0, False
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            try:
                await self._second(ticks)
            except Exception:
                # Whatever it is of one rule, presses go on.
                if not failing:
                    log.exception("rules_failed")
                failing = True
            else:
                failing = False

    async def _second(self, ticks: int) -> None:
        self.tick()
        if ticks % LOOK_EVERY == 0:
            await self.look()
        if ticks % SAVE_EVERY == 0:
            await self.save_once()

    def tick(self) -> None:
        """A second has passed."""
        now_ms = self._clock.now_ms()
        offset_ms = now_ms - self._clock.mono_ms()
        jumped = self._offset_ms is not None and abs(offset_ms - self._offset_ms) > JUMP_MS
        self._offset_ms = offset_ms
        if not self._listening():
            self._heard_ms = None
        elif self._heard_ms is None or jumped:
            self._heard_ms = now_ms
        if jumped:
            self._running.wake_all(now_ms)
        for verdict in self._running.tick(now_ms, self._heard_ms):
            self._say(verdict)

    async def look(self) -> None:
        """Take the file's rules into force if it was written since the last look."""
        stamp = await asyncio.to_thread(_stamp, self.path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            found = await asyncio.to_thread(books.read, self.path, self._region)
        except TomlError as error:
            self.mistakes = error.reports
            for report in error.reports:
                log.error("rules_refused version=%s %s", self.book.version, report)
            return
        self.mistakes = ()
        if found.version == self.book.version:
            return
        prepared = await asyncio.to_thread(self._running.prepare, found, self._region)
        began_ms = self._clock.mono_ms()
        for verdict in self._running.adopt(prepared, self._clock.now_ms()):
            self._say(verdict)
        log.info(
            "rules_in_force version=%s rules=%d swap_ms=%d",
            found.version,
            len(found.rules),
            self._clock.mono_ms() - began_ms,
        )
        self._take_up(self._clock.now_ms())
        await self._note(found)

    def _adopt(self, found: books.Book) -> None:
        for verdict in self._running.adopt(self._running.prepare(found, self._region), self._clock.now_ms()):
            self._say(verdict)
        log.info("rules_in_force version=%s rules=%d swap_ms=%d", found.version, len(found.rules), 0)

    async def _note(self, found: books.Book) -> None:
        now_ms = self._clock.now_ms()
        try:
            await self._db.write(lambda conn: store.note_version(conn, found, now_ms))
        except StoreError as error:
            log.warning("rules_not_noted version=%s error=%s", found.version, error)

    async def save_once(self) -> None:
        """Store what has moved; what the store does not take waits for the next time.

        A place whose verdict is not on record is left out: the record that decided it will be judged again by a hub
        that is killed before, which it would not be if a later one were on record as judged.
        """
        gateways = self.owing()

        def owing(judge: Judge) -> bool:
            return judge.subject.gateway in gateways or (judge.law.entry.id, judge.subject) in self._unwritten

        taken = self._running.take_moved(owing)
        for at in range(0, len(taken), SAVED_AT_ONCE):
            part = taken[at : at + SAVED_AT_ONCE]
            standings = [judge.standing() for judge in part if not judge.law.dead]
            places = {(judge.subject.gateway, judge.subject.device) for judge in part}
            marks = [mark for place in places if (mark := self._running.mark(*place)) is not None]
            try:
                await self._db.write(lambda conn, s=standings, m=marks: store.save(conn, s, m))  # type: ignore[misc]
            except StoreError as error:
                self._running.put_back(taken[at:])
                log.warning("rules_not_saved places=%d error=%s", len(taken) - at, error)
                return


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
