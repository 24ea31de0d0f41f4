"""Clocks of the world: true time, and what each machine takes for it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from edge.clock import Discipline
from simulator.world.loop import WorldLoop

BEGIN_MS = 1_790_000_000_000
"""True time at the begin of every world."""


def true_ms(loop: WorldLoop) -> float:
    """True time now, in milliseconds of UTC."""
    return BEGIN_MS + loop.time() * 1000.0


@dataclass
class Wall:
    """A machine's wall clock: true time plus an offset.

    Attributes:
        synced: the kernel says that it is disciplined; then ``error_ms`` really bounds the offset.
    """

    offset_ms: float = 0.0
    synced: bool = False
    error_ms: int = 0


class HubClock:
    """The hub's clocks. Its wall clock is kept by NTP, so it is a few milliseconds off at most."""

    def __init__(self, loop: WorldLoop, offset_ms: float) -> None:
        self._loop = loop
        self._offset_ms = offset_ms

    def now_ms(self) -> int:
        return round(true_ms(self._loop) + self._offset_ms)

    def mono_ms(self) -> int:
        return round(self._loop.time() * 1000.0) + 5_000_000


class BoardClock:
    """The clocks of a board without a battery, from one boot to the next.

    The boot clock runs fast or slow by up to ``drift_ppm``. The wall clock is whatever the board woke up with until
    something disciplines it.
    """

    def __init__(self, loop: WorldLoop, *, boot_id: str, drift_ppm: float, wall: Wall) -> None:
        self._loop = loop
        self._boot_id = boot_id
        self._started_s = loop.time()
        self._rate = 1.0 + drift_ppm / 1e6
        self.wall = wall

    def mono_ms(self) -> int:
        return int((self._loop.time() - self._started_s) * 1000.0 * self._rate) + 4_000

    def now_ms(self) -> int:
        return round(true_ms(self._loop) + self.wall.offset_ms)

    def boot_id(self) -> str:
        return self._boot_id

    def discipline(self) -> Discipline:
        return Discipline(self.wall.synced, self.wall.error_ms)

    def true_of(self, mono_ms: int) -> float:
        """True time of a reading of the boot clock."""
        return BEGIN_MS + (self._started_s + (mono_ms - 4_000) / self._rate / 1000.0) * 1000.0


def waking_wall(random: Random, loop: WorldLoop) -> Wall:
    """What a board's wall clock may say after power on, before anything disciplines it."""
    now = true_ms(loop)
    return random.choice(
        (
            Wall(offset_ms=random.uniform(-1e6, 5e5) - now),  # 1970
            Wall(offset_ms=-random.uniform(60e3, 40 * 86_400e3)),  # a saved time, days old
            Wall(offset_ms=10 * 365 * 86_400e3),  # ten years ahead
            Wall(offset_ms=random.uniform(-30, 30), synced=True, error_ms=40),
        )
    )
