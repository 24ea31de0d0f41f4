"""A device without hardware: it shows waves, or what a rehearsal sets, and can be made silent."""

from __future__ import annotations

import math
from collections.abc import Mapping

from contract.kinds import KINDS, Quality
from edge.clock import Clock
from edge.config import Wave
from edge.drivers.base import MissedPollError, Reading, Value


class SimulatedDriver:
    """Obeys the same contract as a driver with hardware behind it; the same tests hold it to that."""

    def __init__(self, device: str, kind: str, waves: Mapping[str, Wave], *, clock: Clock) -> None:
        self.device = device
        self.kind = kind
        self.quantities = tuple(waves)
        self._waves = waves
        self._clock = clock
        self._set: dict[str, Value] = {}
        self._silent = False

    def set(self, quantity: str, value: Value) -> None:
        """Show this value from now on; None is what an instrument without a value shows."""
        self._set[quantity] = value

    def silence(self, silent: bool) -> None:
        """Stop answering, or answer again."""
        self._silent = silent

    async def poll(self) -> Reading:
        """The values of this moment.

        Raises:
            MissedPollError: ``no_answer`` while it is silenced.
        """
        if self._silent:
            raise MissedPollError("no_answer", "the simulated device is silent")
        now_ms = self._clock.mono_ms()
        values = {name: self._value(name, now_ms) for name in self.quantities}
        quality = {name: Quality.INVALID for name, value in values.items() if value is None}
        return Reading(self.device, values, now_ms, quality)

    def _value(self, name: str, now_ms: int) -> Value:
        if name in self._set:
            return self._set[name]
        wave = self._waves[name]
        value = wave.mean + wave.amplitude * math.sin(2 * math.pi * now_ms / 1000 / wave.period_s)
        return round(value) if KINDS[self.kind].quantities[name].type == "int" else round(value, 4)
