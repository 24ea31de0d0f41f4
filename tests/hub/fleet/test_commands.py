"""A command goes out with nonce, end and actor, on the trail first; and only its own gateway's answer counts."""

from __future__ import annotations

import asyncio

import pytest

from contract.messages import Reply
from hub.fleet.commands import NO_ANSWER, VALID_MS, Commands
from hub.ingest.accept import AcceptedReply
from tests.hub.city import NOW


class Clock:
    def now_ms(self):
        return NOW

    def mono_ms(self):
        return 0


class Gateway:
    """Answers, or not, as a test wants."""

    def __init__(self):
        self.heard = []
        self.answer = lambda gateway, command: Reply(gateway=gateway, nonce=command.nonce, data={"a": 1})
        self.commands = Commands(Clock(), say=self.say, patience_s=0.05)

    def say(self, gateway, command):
        self.heard.append((gateway, command))
        reply = self.answer(gateway, command)
        if reply is not None:
            asyncio.get_running_loop().call_soon(
                self.commands.replied, AcceptedReply(reply.gateway, 0, reply)
            )


@pytest.fixture
def gateway():
    return Gateway()


async def test_a_command_has_a_nonce_an_end_and_an_actor(gateway):
    commands = [gateway.commands.make("read", "ani", {"point": "pos"}) for _ in range(100)]
    assert len({command.nonce for command in commands}) == 100
    assert {(command.actor, command.expires_ms) for command in commands} == {("ani", NOW + VALID_MS)}
    answer = await gateway.commands.give("gw-1", commands[0])
    assert (answer.ok, answer.data) == (True, {"a": 1})
    assert gateway.heard == [("gw-1", commands[0])]


async def test_no_answer_anothers_answer_and_an_answer_to_another_are_none(gateway):
    for answer in (
        lambda name, command: None,
        lambda name, command: Reply(gateway="gw-2", nonce=command.nonce),
        lambda name, command: Reply(gateway=name, nonce="f" * 32),
        lambda name, command: Reply(gateway=name),
    ):
        gateway.answer = answer
        assert await gateway.commands.give("gw-1", gateway.commands.make("read", "ani", {})) is NO_ANSWER
    assert gateway.commands._waiting == {}


async def test_an_answer_that_comes_twice_or_late_hurts_nobody(gateway):
    command = gateway.commands.make("read", "ani", {})
    reply = AcceptedReply("gw-1", 0, Reply(gateway="gw-1", nonce=command.nonce))
    giving = asyncio.create_task(gateway.commands.give("gw-1", command))
    await asyncio.sleep(0)
    gateway.commands.replied(reply)
    gateway.commands.replied(reply)
    assert (await giving).ok
    gateway.commands.replied(reply)
