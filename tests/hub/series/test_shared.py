"""Many who ask the same are one who asks."""

import asyncio

import pytest

from hub.series.errors import Unavailable
from hub.series.shared import ANSWERS_AT_MOST, KEPT_MS, SharedQueries


class Clock:
    at_ms = 0

    def mono_ms(self):
        return self.at_ms


class Slow:
    """Answers when told to; counts how often it was asked."""

    def __init__(self):
        self.asked, self.go, self.error = 0, asyncio.Event(), None

    async def query(self, q, params=None):
        self.asked += 1
        number = self.asked
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return [{"n": number}]


async def test_all_who_wait_and_who_come_soon_get_one_answer():
    slow, clock = Slow(), Clock()
    shared = SharedQueries(slow, clock)
    waiting = [asyncio.create_task(shared.query("q", {"a": 1})) for _ in range(5)]
    await asyncio.sleep(0)
    clock.at_ms = KEPT_MS * 3  # a slow answer is still waited for, not asked again
    waiting.append(asyncio.create_task(shared.query("q", {"a": 1})))
    await asyncio.sleep(0)
    slow.go.set()
    assert await asyncio.gather(*waiting) == [[{"n": 1}]] * 6
    assert await shared.query("q", {"a": 2}) == [{"n": 2}]


async def test_an_old_answer_is_asked_again():
    slow, clock = Slow(), Clock()
    slow.go.set()
    shared = SharedQueries(slow, clock)
    await shared.query("q")
    clock.at_ms = KEPT_MS
    await shared.query("q")
    assert slow.asked == 1
    clock.at_ms = KEPT_MS + 1
    await shared.query("q")
    assert slow.asked == 2


async def test_a_failure_is_told_to_all_and_not_kept():
    slow = Slow()
    slow.go.set()
    slow.error = Unavailable("gone")
    shared = SharedQueries(slow, Clock())
    with pytest.raises(Unavailable):
        await shared.query("q")
    slow.error = None
    assert await shared.query("q") == [{"n": 2}]


async def test_one_who_goes_away_takes_the_answer_from_nobody():
    slow = Slow()
    shared = SharedQueries(slow, Clock())
    leaver, stayer = (asyncio.create_task(shared.query("q")) for _ in range(2))
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.sleep(0)
    slow.go.set()
    assert await stayer == [{"n": 1}]


async def test_not_every_answer_ever_is_kept():
    slow = Slow()
    slow.go.set()
    shared = SharedQueries(slow, Clock())
    for number in range(ANSWERS_AT_MOST + 10):
        await shared.query(f"q{number}")
    assert len(shared._asked) == ANSWERS_AT_MOST


async def test_an_answer_that_nobody_gets_any_more_is_let_go():
    slow, clock = Slow(), Clock()
    shared = SharedQueries(slow, clock)
    waited_for = asyncio.create_task(shared.query("slow"))
    await asyncio.sleep(0)
    slow.go.set()
    await waited_for
    slow.go.clear()
    under_way = asyncio.create_task(shared.query("under way"))
    await asyncio.sleep(0)
    clock.at_ms = KEPT_MS + 1
    other = asyncio.create_task(shared.query("other"))
    await asyncio.sleep(0)
    assert len(shared._asked) == 2, "one is under way, one was just asked; the old answer is gone"
    slow.go.set()
    await asyncio.gather(under_way, other)
