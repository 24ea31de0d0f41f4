"""Card readers that type: a USB reader is a keyboard, and a card is its number and Enter.

The keyboard is taken for ourselves alone (EVIOCGRAB), or a card would type into a console. Read from the kernel's own
interface, which is one structure; the usual library has to be compiled on each board. A number is the employee's, so it
becomes a pseudonym before it is stored, as from any attendance reader. Cards can be copied: this shows who came, and
opens nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import fcntl
import logging
import os
import struct
from collections import deque
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.clock import Clock
from edge.config import Attendance, CardReader
from edge.drivers.base import EventStore, MissedPollError, Reading
from edge.drivers.kept_count import KeptCount
from edge.drivers.punches import CityKey, Punch, load_key, scan
from edge.errors import EdgeError

log = logging.getLogger(__name__)

EVENT = struct.Struct("llHHi")
"""struct input_event of a 64-bit kernel: two words of time, type, code, value."""
EV_KEY, PRESSED = 1, 1
EVIOCGRAB = 0x40044590
ENTER = frozenset({28, 96})
KEYS = {
    **{code: str(digit) for digit, code in enumerate((11, *range(2, 11)))},
    **{code: str(digit) for digit, code in enumerate((82, 79, 80, 81, 75, 76, 77, 71, 72, 73))},
    30: "A",
    48: "B",
    46: "C",
    32: "D",
    18: "E",
    33: "F",
}
"""Letters of the keys, of both number rows, as readers type them (layout US)."""

IDLE_MS = 200
"""A reader types a number in some 50 ms: a longer pause is the begin of another one."""
LENGTHS = (8, 10)
"""Digits of a card's number, decimal or hexadecimal."""

NOT_CHOSEN = -1
"""Nobody chooses in or out at such a reader: the first and last scan of a day say it."""

AGAIN_S = 2.0
WAITING_MOST = 1000


class Wedge:
    """From keys to card numbers. Pure."""

    def __init__(self) -> None:
        self._typed = ""
        self._last_ms = 0

    def feed(self, kind: int, code: int, value: int, mono_ms: int) -> str | None:
        """One event of the keyboard; the number that it ends, or None. An empty number is what was none."""
        if kind != EV_KEY or value != PRESSED:
            return None
        if mono_ms - self._last_ms > IDLE_MS:
            self._typed = ""
        self._last_ms = mono_ms
        if code not in ENTER:
            self._typed = (self._typed + KEYS.get(code, "?"))[-64:]
            return None
        number, self._typed = self._typed, ""
        return number if len(number) in LENGTHS and "?" not in number else ""


def grab(fd: int) -> None:
    """Take a keyboard for ourselves alone.

    Raises:
        OSError: it is no keyboard, or somebody else has it.
    """
    fcntl.ioctl(fd, EVIOCGRAB, 1)


class CardReaderDriver:
    """One reader: a service that listens, and a sample of how many scans it gave."""

    kind = "attendance_reader"
    quantities = ("scans", "unreadable", "heard_s")

    def __init__(
        self,
        settings: CardReader,
        attendance: Attendance,
        folder: Path,
        *,
        clock: Clock,
        take: Callable[[int], None] = grab,
    ) -> None:
        """
        Args:
            folder: where the counts are kept: the spool's.
            take: takes the keyboard; tests give their own.
        """
        self.device = settings.name
        self._path = Path(settings.device)
        self._attendance = attendance
        self._clock = clock
        self._take = take
        self._scans = KeptCount(folder / f"{settings.name}.scans")
        self._unreadable = KeptCount(folder / f"{settings.name}.unreadable")
        self._wedge = Wedge()
        self._waiting: deque[tuple[int, bytes]] = deque(maxlen=WAITING_MOST)
        self._trouble = "not opened yet"
        self._heard_ms = clock.mono_ms()

    async def poll(self) -> Reading:
        """How many scans it gave, and for how long none came.

        Raises:
            MissedPollError: ``no_answer``: the keyboard is not there.
        """
        if self._trouble:
            hint = "its plug, and its name: ls /dev/input/by-id; rights: adduser siaga input"
            raise MissedPollError("no_answer", f"{self._path}: {self._trouble}", hint)
        now_ms = self._clock.mono_ms()
        values = {
            "scans": self._scans.value,
            "unreadable": self._unreadable.value,
            "heard_s": round((now_ms - self._heard_ms) / 1000, 1),
        }
        return Reading(self.device, values, now_ms)

    async def run(self, store: EventStore) -> None:
        """Listen until cancelled. A keyboard that is not there is tried again for ever."""
        told = ""
        while True:
            try:
                self._scans.load()
                self._unreadable.load()
                await self._listen(store)
            except (OSError, EdgeError) as error:
                self._trouble = str(error)
            if self._trouble != told:
                log.warning("card_reader_down device=%s error=%s", self.device, self._trouble)
                told = self._trouble
            self._commit(store)
            await asyncio.sleep(AGAIN_S)

    async def _listen(self, store: EventStore) -> None:
        key = load_key(self._attendance.key_file)
        fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        loop = asyncio.get_running_loop()
        try:
            self._take(fd)
            self._trouble = ""
            log.info("card_reader_up device=%s", self.device)
            ended: asyncio.Future[None] = loop.create_future()

            def readable() -> None:
                try:
                    data = os.read(fd, EVENT.size * 64)
                except BlockingIOError:
                    return
                except OSError as error:
                    if not ended.done():
                        ended.set_exception(error)
                    return
                if not data and not ended.done():
                    ended.set_exception(OSError("unplugged"))
                whole = len(data) - len(data) % EVENT.size
                for _, _, kind, code, value in EVENT.iter_unpack(data[:whole]):
                    number = self._wedge.feed(kind, code, value, self._clock.mono_ms())
                    if number is not None:
                        self._card(number, key, store)

            loop.add_reader(fd, readable)
            try:
                while not ended.done():
                    await asyncio.wait((ended,), timeout=AGAIN_S)
                    self._commit(store)
                ended.result()
            finally:
                loop.remove_reader(fd)
        finally:
            os.close(fd)

    def _card(self, number: str, key: CityKey, store: EventStore) -> None:
        self._heard_ms = self._clock.mono_ms()
        if not number:
            self._count(self._unreadable)
            return
        zone = ZoneInfo(self._attendance.zone)
        local = dt.datetime.fromtimestamp(self._clock.now_ms() // 1000, zone).replace(tzinfo=None)
        punch = Punch(number, local, NOT_CHOSEN)
        made = scan(key, zone, device=self.device, serial=self.device, punch=punch)
        self._waiting.append((self._clock.mono_ms(), made.body))
        self._commit(store)

    def _commit(self, store: EventStore) -> None:
        """Store what waits. What the card does not take stays, and is tried again."""
        while self._waiting:
            try:
                store.append_events([self._waiting[0]])
            except EdgeError as error:
                log.error("card_scan_unstored device=%s error=%r", self.device, str(error))
                return
            self._waiting.popleft()
            self._count(self._scans)

    def _count(self, count: KeptCount) -> None:
        try:
            count.add(1)
        except EdgeError as error:
            # A number for people only; the scan itself is an event of its own.
            log.error("card_scan_uncounted device=%s error=%r", self.device, str(error))
