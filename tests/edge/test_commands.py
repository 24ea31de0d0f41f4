"""A command works once, in time, with its actor on record; and a replay, by whomever, does nothing."""

from __future__ import annotations

import asyncio
import logging

import pytest

from contract.messages import Command
from edge.commands import LONGEST_MS, MOST_VALUES, WAITING, Commands, UsedNonces, flat
from edge.errors import OrderError

NOW_MS = 1_790_000_000_000
NONCE = "0" * 31 + "1"


class Orders:
    def __init__(self):
        self.done = []
        self.error = None

    async def do(self, name, arguments):
        self.done.append((name, dict(arguments)))
        if self.error:
            raise self.error
        return {"device": "pos", "values": {"level_m": {"value": 1.5}}}


class Bench:
    def __init__(self, folder):
        self.orders, self.replies, self.now_ms = Orders(), [], NOW_MS
        self.path = folder / "nonces.json"
        self.begin()

    def begin(self):
        self.commands = Commands(
            self.orders,
            UsedNonces(self.path),
            gateway="gw-1",
            hub_ms=lambda: self.now_ms,
            answer=self.replies.append,
        )

    async def give(self, *, nonce=NONCE, name="read", expires_ms=NOW_MS + 60_000, **args):
        await self.commands.step(
            Command(nonce=nonce, name=name, actor="ani", expires_ms=expires_ms, args=args)
        )
        return self.replies[-1]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


async def test_a_command_is_carried_out_and_answered(bench, caplog):
    caplog.set_level(logging.WARNING)
    reply = await bench.give(point="pos.level_m")
    assert (reply.ok, reply.nonce, reply.gateway) == (True, NONCE, "gw-1")
    assert reply.data == {"device": "pos", "values.level_m.value": 1.5}
    assert bench.orders.done == [("read", {"point": "pos.level_m", "actor": "ani"})]
    assert f"command.taken name=read actor=ani nonce={NONCE}" in caplog.text


async def test_a_replay_is_refused_also_after_a_restart(bench):
    await bench.give()
    reply = await bench.give()
    assert (reply.ok, "used" in reply.error) == (False, True)
    bench.begin()
    assert "used" in (await bench.give()).error
    assert len(bench.orders.done) == 1
    # Its negative twin: another nonce.
    assert (await bench.give(nonce="0" * 31 + "2")).ok


async def test_a_nonce_is_used_before_the_order_is_carried_out(bench):
    bench.orders.error = OrderError("device", "no such device")
    assert not (await bench.give()).ok
    bench.begin()
    bench.orders.error = None
    assert "used" in (await bench.give()).error


@pytest.mark.parametrize(
    ("expires_ms", "word"),
    [(NOW_MS - 1, "expired"), (NOW_MS + LONGEST_MS + 1, "too_long"), (NOW_MS, ""), (NOW_MS + LONGEST_MS, "")],
)
async def test_its_end_is_kept(bench, expires_ms, word):
    reply = await bench.give(expires_ms=expires_ms)
    assert (reply.ok, word in reply.error) == (not word, True)
    assert len(bench.orders.done) == (0 if word else 1)


async def test_a_replay_is_refused_for_as_long_as_it_could_work(bench):
    """A nonce is forgotten when its command has ended anyway."""
    await bench.give(expires_ms=NOW_MS + LONGEST_MS)
    bench.now_ms += LONGEST_MS
    assert "used" in (await bench.give(expires_ms=NOW_MS + LONGEST_MS)).error
    bench.now_ms += 1
    assert "expired" in (await bench.give(expires_ms=NOW_MS + LONGEST_MS)).error
    await bench.give(nonce="0" * 31 + "2", expires_ms=bench.now_ms + 1)
    assert NONCE not in bench.path.read_text()


async def test_without_a_time_no_command_works(bench):
    bench.now_ms = None
    assert "no_time" in (await bench.give()).error
    assert bench.orders.done == []


@pytest.mark.parametrize("name", ["shell", "status", "presses", "run", ""])
async def test_only_what_may_be_ordered_from_afar_is(bench, name):
    command = Command(nonce=NONCE, name=name or "x", actor="ani", expires_ms=NOW_MS + 1)
    await bench.commands.step(command)
    assert "unknown" in bench.replies[-1].error
    assert bench.orders.done == []


async def test_a_card_that_does_not_keep_nonces_lets_no_command_work(bench):
    bench.path.write_text("{damaged")
    assert not (await bench.give()).ok
    assert bench.orders.done == []
    bench.path.unlink()
    bench.path.mkdir()
    bench.begin()
    assert not (await bench.give()).ok
    assert bench.orders.done == []


async def test_an_order_that_hangs_is_answered_and_the_next_one_works(bench, monkeypatch):
    monkeypatch.setattr("edge.commands.ORDER_S", 0.02)

    async def hang(name, arguments):
        await asyncio.Event().wait()

    works, bench.orders.do = bench.orders.do, hang
    assert "not done in time" in (await bench.give()).error
    bench.orders.do = works
    assert (await bench.give(nonce="0" * 31 + "2")).ok


async def test_a_flood_of_commands_is_bounded(bench):
    for at in range(WAITING + 5):
        bench.commands.take(Command(nonce=f"{at:032x}", name="read", actor="ani", expires_ms=NOW_MS + 1))
    assert ["too many" in reply.error for reply in bench.replies] == [True] * 5
    running = asyncio.create_task(bench.commands.run())
    await asyncio.sleep(0.05)
    running.cancel()
    assert len(bench.orders.done) == WAITING


def test_an_answer_is_flat_and_bounded():
    found = flat({"a": {"b": [1, {"c": None}]}, "d": True, "e": object(), "f": "x" * 9000})
    assert found == {"a.b.0": 1, "a.b.1.c": None, "d": True, "f": "x" * 4000}
    assert len(flat({str(at): at for at in range(1000)})) == MOST_VALUES
