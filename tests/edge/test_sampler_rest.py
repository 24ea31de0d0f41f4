"""A sampler that is told to rest finishes what it has begun, and nothing more is read."""

import asyncio

from edge.drivers.base import Reading
from edge.sampler import Sampler, Schedule
from tests.edge.timeless import LoopClock, timeless


class Slow:
    device, kind, quantities = "duga-air", "river_post", ("level_m",)

    def __init__(self):
        self.began = 0
        self.ended = 0

    async def poll(self):
        self.began += 1
        await asyncio.sleep(0.05)
        self.ended += 1
        return Reading(self.device, {"level_m": 1.0}, LoopClock().mono_ms())


class Card:
    def __init__(self):
        self.rows = []

    def append_samples(self, samples):
        self.rows += samples

    def append_events(self, events):
        pass


@timeless
async def test_rest_finishes_the_poll_under_way_and_commits_it():
    driver, card = Slow(), Card()
    sampler = Sampler(
        [Schedule(driver, 0.06, {})], clock=LoopClock(), sink=card, random_hex=lambda n: "0" * 2 * n
    )
    running = asyncio.create_task(sampler.run())
    await asyncio.sleep(0.02)
    assert (driver.began, driver.ended) == (1, 0)
    assert await sampler.rest()
    assert (driver.began, driver.ended, len(card.rows)) == (1, 1, 1)
    await asyncio.sleep(0.15)
    assert driver.began == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@timeless
async def test_rest_before_the_start_polls_nothing():
    driver, card = Slow(), Card()
    sampler = Sampler(
        [Schedule(driver, 0.06, {})], clock=LoopClock(), sink=card, random_hex=lambda n: "0" * 2 * n
    )
    assert await sampler.rest()
    running = asyncio.create_task(sampler.run())
    await asyncio.sleep(0.1)
    assert driver.began == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
