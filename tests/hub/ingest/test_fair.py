"""Senders take turns, and one that floods the queue delays nobody but itself."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.fair import FairQueue


def drained(queue: FairQueue[str]) -> list[str]:
    return [queue.get_nowait() for _ in range(len(queue))]


def test_senders_take_turns_and_each_ones_items_keep_their_order():
    queue: FairQueue[str] = FairQueue(100)
    for item in ("a1", "a2", "a3", "b1", "b2", "c1"):
        assert queue.put(item[0], item) == 0
    assert drained(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    with pytest.raises(IndexError):
        queue.get_nowait()


def test_where_all_is_full_the_newest_of_the_one_with_most_goes():
    queue: FairQueue[str] = FairQueue(3)
    dropped = [queue.put(item[0], item) for item in ("a1", "a2", "a3", "a4", "b1", "b2", "c1")]
    assert dropped == [0, 0, 0, 1, 1, 1, 1]
    assert drained(queue) == ["a1", "b1", "c1"]


def test_one_sender_has_no_more_than_its_share():
    queue: FairQueue[str] = FairQueue(100, share=10)
    assert [queue.put("a", "x", weight=4) for _ in range(3)] == [0, 0, 1]
    assert queue.put("b", "y", weight=4) == 0
    assert queue.weight == 12
    assert queue.put("c", "z", weight=101) == 1, "what fits nowhere is refused, and drives nobody out"
    assert len(queue) == 3


async def test_a_consumer_waits_for_the_next_item():
    queue: FairQueue[str] = FairQueue(3)
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put("a", "a1")
    assert await waiting == "a1"
    again = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5)) | st.none(), max_size=60))
def test_whatever_comes_and_goes_nothing_is_counted_wrong(steps):
    queue: FairQueue[int] = FairQueue(12, share=8)
    put = taken = dropped = 0
    for step in steps:
        if step is None:
            taken += len(queue) > 0
            if len(queue):
                queue.get_nowait()
        else:
            put += 1
            dropped += queue.put(step[0], put, weight=step[1])
        assert len(queue) == put - taken - dropped
        assert 0 <= queue.weight <= 12
        assert (queue.weight == 0) == (len(queue) == 0)
