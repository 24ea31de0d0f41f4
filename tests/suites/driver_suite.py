"""What every driver must do, whatever is behind it: one suite over real protocols and over the simulated one."""

from __future__ import annotations

from typing import Protocol

import pytest

from contract.kinds import KINDS, Quality
from edge.drivers.base import Driver, MissedPollError


class Rig(Protocol):
    """A driver with a hand on the device behind it."""

    driver: Driver

    async def show(self, quantity: str, value: float | None) -> None:
        """Make the device show the value; None is its own word for no value."""

    async def silence(self, silent: bool) -> None:
        """Make it silent, or answer again."""

    async def rested(self) -> None:
        """Let the time pass in which a silent device is left alone."""


class DriverSuite:
    """Subclasses give a fixture ``rig``.

    Attributes:
        shown: a quantity of the device that a test can set to each of `values`, in any order.
        values: some of its values, of which `zero` is none by accident; for a contact 1 and 0.
        unsaid: one that the device can have no value of, by its own word.
        exactly: how near a value comes to the one that was shown.
    """

    shown = "level_m"
    values: tuple[float, float, float] = (1.25, 2.5, 3.0)
    zero = 0.0
    unsaid = "distance_m"
    exactly = 1e-6

    async def test_it_says_what_it_is(self, rig: Rig):
        driver = rig.driver
        assert driver.device
        assert driver.quantities
        assert set(driver.quantities) <= set(KINDS[driver.kind].quantities)

    async def test_a_reading_carries_every_quantity_and_the_time_of_its_answer(self, rig: Rig):
        await rig.show(self.shown, self.values[0])
        first = await rig.driver.poll()
        second = await rig.driver.poll()
        assert tuple(sorted(first.values)) == tuple(sorted(rig.driver.quantities))
        assert first.values[self.shown] == pytest.approx(self.values[0], abs=self.exactly)
        assert self.shown not in first.quality
        assert first.device == rig.driver.device
        assert first.mono_ms <= second.mono_ms

    async def test_a_change_is_seen_by_the_next_poll(self, rig: Rig):
        for value in self.values[:2]:
            await rig.show(self.shown, value)
            assert (await rig.driver.poll()).values[self.shown] == pytest.approx(value, abs=self.exactly)

    async def test_a_true_zero_is_a_good_value(self, rig: Rig):
        await rig.show(self.shown, self.zero)
        reading = await rig.driver.poll()
        assert reading.values[self.shown] == pytest.approx(0, abs=self.exactly)
        assert self.shown not in reading.quality

    async def test_no_value_is_none_with_its_reason_and_never_zero(self, rig: Rig):
        await rig.show(self.unsaid, None)
        reading = await rig.driver.poll()
        assert reading.values[self.unsaid] is None
        assert reading.quality[self.unsaid] is Quality.INVALID

    async def test_silence_is_a_missed_poll_and_never_a_reading(self, rig: Rig):
        await rig.driver.poll()
        await rig.silence(True)
        with pytest.raises(MissedPollError) as missed:
            await rig.driver.poll()
        assert missed.value.reason == "no_answer"
        assert missed.value.retryable

    async def test_it_comes_back_by_itself(self, rig: Rig):
        await rig.silence(True)
        with pytest.raises(MissedPollError):
            await rig.driver.poll()
        await rig.silence(False)
        await rig.rested()
        await rig.show(self.shown, self.values[2])
        assert (await rig.driver.poll()).values[self.shown] == pytest.approx(self.values[2], abs=self.exactly)
