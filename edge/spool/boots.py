"""The boots that the spool has records of, and their time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge.sqlite import Database
from edge.timeline import BootSpan, Source, Stamp, Sync, Timeline, lay_out

UNKNOWN_BOOT = "00000000"
"""Id of the boot of records whose own could not be read any more. It may have been any boot before."""


@dataclass(slots=True)
class Boot:
    """One boot: its first reading, its last one once it has ended, and its sync rows."""

    number: int
    id: str
    first_mono_ms: int
    last_mono_ms: int | None
    timeline: Timeline


class Boots:
    """All boots in order. What changes is written by the caller's transaction; after a failure, load anew."""

    def __init__(self) -> None:
        self._boots: dict[int, Boot] = {}
        self._running = 0

    @property
    def running(self) -> Boot:
        """The boot that runs now."""
        return self._boots[self._running]

    def load(self, db: Database, running: str) -> None:
        """Read everything; ``running`` is the id of the boot that runs, which may not be there yet."""
        syncs: dict[int, list[Sync]] = {}
        for number, mono, wall, error, source, base in db.execute(
            "SELECT boot, mono_ms, wall_ms, error_ms, source, base_ms FROM sync ORDER BY boot, mono_ms"
        ):
            syncs.setdefault(number, []).append(Sync(mono, wall, error, source, base))
        self._boots = {
            number: Boot(number, name, first, last, Timeline(syncs.get(number, ())))
            for number, name, first, last in db.execute(
                "SELECT number, id, first_mono_ms, last_mono_ms FROM boot ORDER BY number"
            )
        }
        self._running = next((boot.number for boot in self._boots.values() if boot.id == running), 0)

    @property
    def known(self) -> bool:
        """Whether the running boot is in the spool."""
        return self._running != 0

    def begin(self, db: Database, name: str, mono_ms: int, last_records: Iterable[tuple[int, int]]) -> None:
        """Enter the running boot, and say where the ones before it ended.

        Args:
            last_records: (boot, highest reading) of the newest records of each lane.
        """
        highest: dict[int, int] = {}
        for number, mono in last_records:
            highest[number] = max(mono, highest.get(number, 0))
        for boot in self._boots.values():
            if boot.last_mono_ms is None:
                synced = boot.timeline.last.mono_ms if boot.timeline.last else 0
                boot.last_mono_ms = max(boot.first_mono_ms, synced, highest.get(boot.number, 0))
                db.execute(
                    "UPDATE boot SET last_mono_ms = ? WHERE number = ?", (boot.last_mono_ms, boot.number)
                )
        db.execute("INSERT INTO boot (id, first_mono_ms) VALUES (?, ?)", (name, mono_ms))
        number = db.execute("SELECT number FROM boot WHERE id = ?", (name,))[0][0]
        self._boots[number] = Boot(number, name, mono_ms, None, Timeline())
        self._running = number

    def get(self, number: int) -> Boot:
        """A boot by its number."""
        return self._boots[number]

    def synced(self, number: int) -> bool:
        """Whether a boot has a time."""
        return bool(self._boots[number].timeline)

    def at(self, number: int, mono_ms: int) -> Stamp | None:
        """Time of a reading of a boot."""
        return self._boots[number].timeline.at(mono_ms)

    def add_sync(
        self, db: Database, mono_ms: int, wall_ms: int, error_ms: int, source: Source, *, after_mono_ms: int
    ) -> Sync:
        """Enter a measured time of the running boot; boots before it that ended without one are laid out with it."""
        running = self.running
        row = running.timeline.propose(mono_ms, wall_ms, error_ms, source, after_mono_ms=after_mono_ms)
        if not running.timeline:
            self._lay_out(db, row.at(min(running.first_mono_ms, row.mono_ms)))
        self._insert(db, running, row)
        return row

    def _lay_out(self, db: Database, before: Stamp) -> None:
        ended = [boot for boot in self._boots.values() if boot.number < self._running and not boot.timeline]
        if not ended:
            return
        known = [boot for boot in self._boots.values() if boot.number < self._running and boot.timeline]
        after = known[-1].timeline.at(_last(known[-1])) if known else None
        # Records of an unknown boot may be older than any boot that is known: nothing bounds them from below.
        for boots, bound in (
            ([boot for boot in ended if boot.id != UNKNOWN_BOOT], after),
            ([boot for boot in ended if boot.id == UNKNOWN_BOOT], None),
        ):
            spans = [BootSpan(boot.first_mono_ms, _last(boot)) for boot in boots]
            for boot, row in zip(boots, lay_out(spans, after=bound, before=before), strict=True):
                self._insert(db, boot, row)

    def _insert(self, db: Database, boot: Boot, row: Sync) -> None:
        db.execute(
            "INSERT INTO sync VALUES (?, ?, ?, ?, ?, ?)",
            (boot.number, row.mono_ms, row.wall_ms, row.error_ms, row.source, row.base_ms),
        )
        boot.timeline.add(row)

    def forget(self, db: Database, used: set[int], oldest_mono_ms: int) -> None:
        """Drop boots without records and rows that no record needs.

        Args:
            used: boots that records are of. The running one, and the last one before it with a time, stay.
            oldest_mono_ms: no record of the running boot is older than this.
        """
        known = [
            boot.number for boot in self._boots.values() if boot.timeline and boot.number != self._running
        ]
        keep = used | {self._running, *known[-1:]}
        for number in [number for number in self._boots if number not in keep]:
            db.execute("DELETE FROM sync WHERE boot = ?", (number,))
            db.execute("DELETE FROM boot WHERE number = ?", (number,))
            del self._boots[number]
        for row in self.running.timeline.prune(oldest_mono_ms):
            db.execute("DELETE FROM sync WHERE boot = ? AND mono_ms = ?", (self._running, row.mono_ms))


def _last(boot: Boot) -> int:
    return boot.first_mono_ms if boot.last_mono_ms is None else boot.last_mono_ms
