"""The writer against a peer that fails in every way: nothing is lost, nothing is kept without bound."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.clock import SystemClock
from hub.series.influx import Influx, InfluxConfig
from hub.series.writer import Batch, Limits, SeriesWriter, Written
from tests.hub.series.peer import FaultyInflux

FAST = Limits(retry_s=0.01, retry_most_s=0.02, hold_after_s=0.05)


class Run:
    """A writer that runs against a peer."""

    def __init__(
        self, peer: FaultyInflux, writer: SeriesWriter, done: list[Written], flows: list[str]
    ) -> None:
        self.peer, self.writer, self.done, self.flows = peer, writer, done, flows

    async def until(self, written: int) -> None:
        async with asyncio.timeout(10):
            while len(self.done) < written:  # noqa: ASYNC110 - a deadline, not a signal
                await asyncio.sleep(0.002)


@asynccontextmanager
async def running(limits: Limits = FAST, **config):
    done: list[Written] = []
    flows: list[str] = []
    async with FaultyInflux() as peer, Influx(InfluxConfig(url=peer.url, **config)) as influx:
        writer = SeriesWriter(
            influx, SystemClock(), done.append, on_flow=flows.append, random=Random(1), limits=limits
        )
        task = asyncio.create_task(writer.run())
        try:
            yield Run(peer, writer, done, flows)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def batch(*numbers: int, token: object = None) -> Batch:
    return Batch(token, [b"river_post,device=d level_m=%d %d" % (number, number) for number in numbers])


async def test_what_waits_goes_at_once_and_together():
    """No linger: a lone batch goes alone; what gathers while two posts are in flight goes as one."""
    async with running() as run:
        assert run.writer.offer(batch(1, token="a"))
        await run.until(1)
        assert run.done[0].batch.token == "a"
        assert run.done[0].rejected == ()
        run.peer.gate.clear()
        for number in range(2, 12):
            run.writer.offer(batch(number))
            await asyncio.sleep(0.005)
        run.peer.gate.set()
        await run.until(11)
    assert run.peer.posts == [1, 1, 1, 8]
    assert run.peer.most_at_once == 2
    assert run.writer.waiting == run.writer.waiting_bytes == 0


async def test_a_post_has_at_most_so_many_lines():
    async with running(Limits(post_lines=10, post_bytes=10**6)) as run:
        run.peer.gate.clear()
        for first in range(0, 60, 4):
            run.writer.offer(batch(*range(first, first + 4)))
        run.peer.gate.set()
        await run.until(15)
    assert max(run.peer.posts) == 8
    assert sum(run.peer.posts) == 60
    assert len(run.peer.stored) == 60


@pytest.mark.parametrize(
    "fault", [500, 503, 429, 301, 401, 403, 200, "close", "stored_then_close", "proxy_400"]
)
async def test_a_failure_that_is_not_of_the_lines_keeps_them(fault):
    """Also a 400 that is not InfluxDB's: a proxy in the way must not refuse the city's records."""
    async with running() as run:
        run.peer.faults.extend([fault] * 2)
        run.writer.offer(batch(1, 2))
        await run.until(1)
    assert run.done[0].rejected == ()
    assert set(run.peer.stored) == set(run.done[0].batch.lines)
    assert run.peer.posts == [2, 2, 2]


async def test_a_server_that_never_answers_is_asked_again():
    async with running(timeout_s=0.1) as run:
        run.peer.faults.append("hang")
        run.writer.offer(batch(1))
        await run.until(1)
    assert run.peer.stored == run.done[0].batch.lines


async def test_a_poison_line_in_the_middle_costs_only_itself():
    """The answer says dropped=0 and names no line; the peer stores nothing of a bad post."""
    async with running() as run:
        run.peer.poison = lambda line: line.endswith((b" 37", b" 63"))
        run.peer.gate.clear()
        run.writer.offer(batch(*range(50)))
        run.writer.offer(batch(*range(50, 100)))
        run.peer.gate.set()
        await run.until(2)
    rejected = {(result.batch.lines[at]): reason for result in run.done for at, reason in result.rejected}
    assert {line.split()[-1] for line in rejected} == {b"37", b"63"}
    assert all("unable to parse" in reason for reason in rejected.values())
    assert len(run.peer.stored) == 98
    assert run.writer.rejected == 2
    assert run.writer.written == 98


async def test_a_failure_in_the_middle_of_halving_loses_nothing():
    async with running() as run:
        run.peer.poison = lambda line: line.endswith(b" 5")
        run.peer.faults.extend([400, 500, 400, "close", 503])
        run.writer.offer(batch(*range(16)))
        await run.until(1)
    assert [at for at, _ in run.done[0].rejected] == [5]
    assert len(set(run.peer.stored)) == 15


async def test_too_large_is_halved_and_a_line_too_large_alone_is_rejected():
    async with running() as run:
        run.peer.most_bytes = 200
        huge = Batch("huge", [b"river_post,device=%b level_m=1 1" % (b"x" * 300), *batch(*range(20)).lines])
        run.writer.offer(huge)
        await run.until(1)
    assert [at for at, _ in run.done[0].rejected] == [0]
    assert "413" in run.done[0].rejected[0][1]
    assert len(run.peer.stored) == 20


async def test_a_post_that_breaks_the_connection_is_sent_in_parts():
    """1.6.7 says 413 and closes while the client still sends, so the answer may never be read."""
    async with running() as run:
        run.peer.most_bytes, run.peer.resets = 200, True
        run.writer.offer(batch(*range(20)))
        await run.until(1)
    assert run.done[0].rejected == ()
    assert len(run.peer.stored) == 20


async def test_a_missing_database_is_made_once_and_the_lines_go_in():
    async with running() as run:
        run.peer.database = False
        run.writer.offer(batch(1))
        await run.until(1)
        assert run.peer.created == 1
        assert run.flows == []
        run.peer.database = False
        run.peer.faults.extend([500, 404, "no_create"])
        run.writer.offer(batch(2))
        await run.until(2)
    assert len(run.peer.stored) == 2, "also where making it failed at first and came late"


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ("none", None),
        ("basic", "Basic dXNlcjpyYWhhc2lh"),
        ("token", "Token rahasia"),
        ("bearer", "Bearer rahasia"),
    ],
)
async def test_the_login_is_sent_as_it_is_set(auth, header):
    async with running(auth=auth, user="user", secret="rahasia") as run:
        run.writer.offer(batch(1))
        await run.until(1)
    sent = [line for line in run.peer.heads[0].splitlines() if line.lower().startswith("authorization:")]
    assert sent == ([] if header is None else [f"Authorization: {header}"])
    assert "rahasia" not in repr(InfluxConfig(url="http://x", secret="rahasia"))


async def test_an_empty_line_counts_as_written():
    """A record without a field has no line; a batch of such alone needs no post."""
    async with running() as run:
        run.writer.offer(Batch(1, [b"", b""]))
        run.writer.offer(Batch(2, [b"", b"bad", b"x v=1 1"]))
        run.peer.poison = lambda line: line == b"bad"
        await run.until(2)
    by_token = {result.batch.token: result for result in run.done}
    assert by_token[1].rejected == ()
    assert [at for at, _ in by_token[2].rejected] == [1], "the index is the batch's own"
    assert run.peer.stored == [b"x v=1 1"]


async def test_memory_has_a_bound_flow_holds_before_it_and_opens_when_it_is_drained():
    limits = Limits(retry_s=0.01, retry_most_s=0.02, full_lines=100, hold_share=0.5, hold_after_s=60)
    async with running(limits) as run:
        run.peer.gate.clear()
        taken = [run.writer.offer(batch(*range(first, first + 10))) for first in range(0, 200, 10)]
        await asyncio.sleep(0.02)
        assert taken == [True] * 10 + [False] * 10
        assert run.writer.waiting == 100
        assert run.flows == ["hold"]
        assert run.writer.flow == "hold"
        run.peer.gate.set()
        await run.until(10)
        assert run.flows == ["hold", "open"]
        assert run.writer.flow == "open"
        assert run.writer.offer(batch(999))
        await run.until(11)
    assert len(run.peer.stored) == 101


async def test_a_batch_larger_than_all_memory_is_taken_when_nothing_waits():
    """Otherwise such a frame would be refused forever."""
    async with running(Limits(full_lines=5)) as run:
        assert run.writer.offer(batch(*range(20)))
        assert not run.writer.offer(batch(21))
        await run.until(1)


async def test_flow_holds_while_the_server_is_down_however_little_waits_and_opens_after():
    async with running() as run:
        run.peer.faults.extend([503] * 12)
        run.writer.offer(batch(1))
        async with asyncio.timeout(5):
            while run.writer.flow != "hold":  # noqa: ASYNC110 - a deadline, not a signal
                await asyncio.sleep(0.002)
        assert run.writer.down_since_ms is not None
        await run.until(1)
        assert run.flows == ["hold", "open"]
        assert run.writer.down_since_ms is None


async def test_one_failure_that_passes_is_no_hold():
    async with running(Limits(retry_s=0.01, hold_after_s=5)) as run:
        run.peer.faults.append(503)
        run.writer.offer(batch(1))
        await run.until(1)
        assert run.flows == []


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_happens_each_line_is_stored_or_reported_once(seed):
    """Random batches, poison lines and faults: stored ∪ rejected is everything, and each batch is answered once."""
    rng = random.Random(seed)

    async def body() -> None:
        async with running() as run:
            bad = {rng.randrange(200) for _ in range(rng.randrange(6))}
            run.peer.poison = lambda line: int(line.split()[-1]) in bad
            run.peer.most_bytes = rng.choice([10**9, 300, 1000])
            run.peer.faults.extend(
                rng.choices(
                    [204, 400, 413, 500, "close", "stored_then_close", "proxy_400"], k=rng.randrange(12)
                )
            )
            run.peer.faults = type(run.peer.faults)(fault for fault in run.peer.faults if fault != 204)
            numbers, batches = list(range(200)), []
            while numbers:
                size = min(len(numbers), rng.randrange(1, 40))
                batches.append(batch(*numbers[:size], token=len(batches)))
                numbers = numbers[size:]
            for one in batches:
                assert run.writer.offer(one)
                if rng.random() < 0.3:
                    await asyncio.sleep(0.001)
            await run.until(len(batches))
            assert sorted(result.batch.token for result in run.done) == list(range(len(batches)))
            rejected = {result.batch.lines[at] for result in run.done for at, _ in result.rejected}
            everything = {line for one in batches for line in one.lines}
            told = {line for line in rejected if int(line.split()[-1]) in bad}
            assert told == {line for line in everything if int(line.split()[-1]) in bad}
            assert everything - rejected <= set(run.peer.stored)
            assert run.writer.waiting == run.writer.waiting_bytes == 0

    asyncio.run(body())
