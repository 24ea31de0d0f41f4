"""Rain gauges with a tipping bucket: a contact that closes for a moment at each tip.

What is published is the count since the gauge was put up, never an amount of rain in a time: nothing is then lost by a
restart or by a sample that does not arrive.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge.clock import Clock
from edge.config import RainGauge
from edge.drivers.base import MissedPollError, Reading
from edge.drivers.gpio import check_pins
from edge.drivers.kept_count import KeptCount
from edge.errors import CardError, EdgeError, PinError

log = logging.getLogger(__name__)


class Tips:
    """Which closings of a contact are tips: one in each dead time, however it bounces. Pure."""

    def __init__(self, dead_ms: int) -> None:
        self._dead_ms = dead_ms
        self._last_ms: int | None = None

    def closed(self, mono_ms: int) -> bool:
        """Whether the contact's closing at that time is a tip of its own."""
        if self._last_ms is not None and mono_ms - self._last_ms < self._dead_ms:
            return False
        self._last_ms = mono_ms
        return True


class TippingBucket:
    """Counts the tips of a gauge while it is claimed."""

    def __init__(self, settings: RainGauge, folder: Path, *, clock: Clock) -> None:
        self._settings = settings
        self._count = KeptCount(folder / f"{settings.name}.tips")
        self._clock = clock
        self._tips = Tips(settings.debounce_ms)
        self._unkept = 0
        self._told = False
        self._device: Any = None

    @property
    def tips(self) -> int | None:
        """Tips that are on the card; None while nobody counts, or the card does not take them."""
        if self._device is None:
            return None
        self._keep()
        return None if self._unkept else self._count.value

    def claim(self, factory: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Take the line and begin to count.

        Raises:
            PinError: the line cannot be had.
            CardError: what was counted before cannot be read.
        """
        from gpiozero import DigitalInputDevice
        from gpiozero.exc import GPIOZeroError

        self._count.load()
        pin = self._settings.pin
        try:
            self._device = DigitalInputDevice(pin, pull_up=True, pin_factory=factory)
        except GPIOZeroError as error:
            hint = "a free line, by its BCM number"
            raise PinError("pin", f"line {pin} of {self._settings.name}: {error}", hint) from error
        # In lgpio's own thread: only the time is taken there, before anything can wait.
        self._device.when_activated = lambda: loop.call_soon_threadsafe(self._closed, self._clock.mono_ms())

    def release(self) -> None:
        """Let the line go; idempotent."""
        if self._device is not None:
            self._device.close()
        self._device = None

    def _closed(self, mono_ms: int) -> None:
        if self._tips.closed(mono_ms):
            self._unkept += 1
            self._keep()

    def _keep(self) -> None:
        if not self._unkept:
            return
        try:
            self._count.add(self._unkept)
        except EdgeError as error:
            if not self._told:
                log.error("tips_unkept device=%s error=%r", self._settings.name, str(error))
            self._told = True
            return
        self._unkept, self._told = 0, False


class TippingBuckets:
    """All gauges of a gateway, claimed together."""

    def __init__(self, buckets: Sequence[TippingBucket], *, pins: Callable[[], Any]) -> None:
        self._buckets = buckets
        self._pins = pins

    def claim(self) -> None:
        """Begin to count. A gauge whose count cannot be read is left out, and its polls say so: it must not keep the
        buttons from being watched.

        Raises:
            PinError: a gauge's line cannot be had.
        """
        if not self._buckets:
            return
        factory = check_pins(self._pins())
        for bucket in self._buckets:
            try:
                bucket.claim(factory, asyncio.get_running_loop())
            except CardError as error:
                log.error("tips_unread error=%r", str(error))

    def release(self) -> None:
        """Let the lines go; idempotent."""
        for bucket in self._buckets:
            bucket.release()


class RainDriver:
    """The count of a gauge as a sample."""

    kind = "rain_gauge"
    quantities = ("tips", "rain_mm")

    def __init__(self, settings: RainGauge, bucket: TippingBucket, *, clock: Clock) -> None:
        self.device = settings.name
        self._mm_per_tip = settings.mm_per_tip
        self._bucket = bucket
        self._clock = clock

    async def poll(self) -> Reading:
        """Tips and millimetres since the gauge was put up.

        Raises:
            MissedPollError: ``not_started`` while nobody counts, or what is counted is not on the card.
        """
        tips = self._bucket.tips
        if tips is None:
            raise MissedPollError("not_started", f"{self.device} is not counted: see the gateway's log")
        values = {"tips": tips, "rain_mm": round(tips * self._mm_per_tip, 4)}
        return Reading(self.device, values, self._clock.mono_ms())
