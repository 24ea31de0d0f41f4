"""The attendance readers of a gateway: who they are, when they were last heard, and how scans reach the spool.

However a scan comes, by PUSH or by a pull, it goes through here: pseudonym, memory of what is stored, event lane.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.clock import Clock
from edge.config import Attendance, Reader
from edge.drivers.base import EventStore, MissedPollError, Reading
from edge.drivers.punch_book import PunchBook
from edge.drivers.punches import CityKey, Punch, load_key, scan
from edge.errors import DiskFull, EdgeError

GROUP_SCANS = 250
"""Scans in one transaction. Between two the loop turns, so that a press never waits for a long upload."""


@dataclass(slots=True)
class Heard:
    """What is known of a reader in this run of the gateway.

    Attributes:
        mono_ms: boot clock when it last said anything; None before.
        asked: it was told to send what it has, since it was last away.
    """

    mono_ms: int | None = None
    asked: bool = False


class Readers:
    """Takes scans while it is open, and knows which readers live."""

    def __init__(self, settings: Attendance, readers: Sequence[Reader], *, clock: Clock) -> None:
        self.by_serial: Mapping[str, Reader] = {reader.serial: reader for reader in readers}
        """Every reader that is heard at all."""
        self.zone = ZoneInfo(settings.zone)
        self.clock = clock
        self._key_file: Path = settings.key_file
        self._key: CityKey | None = None
        self.book = PunchBook(settings.book)
        self._store: EventStore | None = None
        self._heard = {reader.serial: Heard() for reader in readers}
        self._since_ms = clock.mono_ms()

    def open(self, store: EventStore) -> None:
        """Read the key and open the book.

        Raises:
            EdgeError: one of them cannot be had; no scan is taken before.
        """
        self._key = load_key(self._key_file)
        self.book.open(store)
        self._store = store

    def close(self) -> None:
        """Take no more scans; idempotent."""
        self._store = None
        self.book.close()

    async def take(self, reader: Reader, punches: Sequence[Punch], unreadable: int = 0) -> int:
        """Store what a reader has told. On return all of it is on the card, and may be promised to the reader.

        Returns:
            How many were new.

        Raises:
            EdgeError: not all is stored. The reader is to tell all of it again.
        """
        if self._store is None or self._key is None:
            raise EdgeError("closed", "scans are not taken now")
        new = 0
        for start in range(0, len(punches), GROUP_SCANS):
            if start:
                await asyncio.sleep(0)
            group = punches[start : start + GROUP_SCANS]
            if self._store.event_room() < len(group):
                raise DiskFull(
                    "events",
                    "too many events wait for the hub",
                    "restore the line; the reader keeps its scans",
                )
            scans = [
                scan(self._key, self.zone, device=reader.name, serial=reader.serial, punch=punch)
                for punch in group
            ]
            new += self.book.append(reader.serial, scans, self._store, self.clock.mono_ms())
        if unreadable:
            self.book.count_unreadable(reader.serial, unreadable)
        return new

    def heard(self, reader: Reader) -> Heard:
        """Note that the reader lives; what is known of it."""
        known = self._heard[reader.serial]
        now_ms = self.clock.mono_ms()
        if known.mono_ms is not None and now_ms - known.mono_ms > reader.silent_s * 1000:
            known.asked = False
        known.mono_ms = now_ms
        return known

    def silent_ms(self, reader: Reader) -> int | None:
        """For how long nothing came from a reader; None where it was never heard since the start."""
        last_ms = self._heard[reader.serial].mono_ms
        return None if last_ms is None else self.clock.mono_ms() - last_ms

    @property
    def is_open(self) -> bool:
        """Whether scans are taken."""
        return self._store is not None

    @property
    def since_ms(self) -> int:
        """Boot clock of the start."""
        return self._since_ms


class ReaderDriver:
    """That a reader lives, as a sample: how many scans it gave, and when it was last heard."""

    kind = "attendance_reader"
    quantities = ("scans", "unreadable", "heard_s")

    def __init__(self, reader: Reader, readers: Readers) -> None:
        self.device = reader.name
        self._reader = reader
        self._readers = readers

    async def poll(self) -> Reading:
        """What is known of the reader; it is not asked anything.

        Raises:
            MissedPollError: ``no_answer`` when it was silent for too long, ``not_started`` while no scans are taken.
        """
        readers, now_ms = self._readers, self._readers.clock.mono_ms()
        limit_ms = self._reader.silent_s * 1000
        silent_ms = readers.silent_ms(self._reader)
        if not readers.is_open and now_ms - readers.since_ms > limit_ms:
            raise MissedPollError("not_started", "scans are not taken: see the gateway's log")
        if not readers.is_open or (silent_ms is None and now_ms - readers.since_ms <= limit_ms):
            raise MissedPollError("resting", f"{self.device} was not heard yet")
        if silent_ms is None or silent_ms > limit_ms:
            raise MissedPollError(
                "no_answer",
                f"nothing came from reader {self._reader.serial} for {self._reader.silent_s:g} s",
                "look at its power, its cable, and the server's address in its menu",
            )
        try:
            scans, unreadable = readers.book.counted(self._reader.serial)
        except EdgeError as error:
            raise MissedPollError("not_started", str(error)) from error
        values = {"scans": scans, "unreadable": unreadable, "heard_s": silent_ms / 1000}
        return Reading(self.device, values, now_ms)
