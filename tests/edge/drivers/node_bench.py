"""Nodes that listen to a real local broker, and somebody who speaks there."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from random import Random

from edge.clock import Discipline
from edge.config.nodes import LocalBroker, Node
from edge.drivers.local_broker import LocalBrokerClient, Nodes
from edge.drivers.nodes.models import Models
from edge.drivers.nodes.node import NodeDriver
from simulator.devices.local_broker import Speaker
from tests.edge.drivers.rigs import FakeClock

MODELS = Models()


class Clock(FakeClock):
    def discipline(self):
        return Discipline(synced=True)


def driver(clock, name="simpul", **settings) -> NodeDriver:
    node = Node(name=name, **settings)
    return NodeDriver(node, MODELS.meaning(node), clock=clock)


class Bench:
    """Nodes that listen to a real broker, and somebody who speaks there."""

    def __init__(self, broker, nodes):
        self.broker, self.nodes, self.edges, self.taken = broker, nodes, [], []
        self.past, self.kept = [], []
        room = Nodes(nodes, clock=nodes[0]._clock)
        take = room.take

        def noted(topic, payload, **more):
            asks = take(topic, payload, **more)
            # What an earlier test left at the broker comes at any time, and must not be taken for an answer.
            (self.kept if more["retained"] else self.taken).append((topic, payload))
            return asks

        room.take = noted  # type: ignore[method-assign]
        settings = LocalBroker(
            port=broker.port, username="siaga-edge", password_file=broker.password_file, keepalive_s=5
        )
        # A gateway of its own each, or the broker would end the one before.
        gateway = f"gw-{secrets.token_hex(6)}"
        self.client = LocalBrokerClient(settings, room, gateway=gateway, random=Random(1))
        self.speaker = Speaker(broker.port)

    async def __aenter__(self):
        await asyncio.to_thread(self.speaker.__enter__)
        self._start()
        await self.until(lambda: self.connected)
        return self

    async def __aexit__(self, *_):
        await self.stop()
        self.speaker.__exit__(None, None, None)

    def _start(self):
        self.task = asyncio.create_task(self.client.run(self.edges.append, self.past.append))

    async def stop(self):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def again(self):
        """The gateway starts anew."""
        await self.stop()
        self._start()

    @property
    def connected(self):
        return all(node._connected for node in self.nodes)

    async def say(self, messages):
        """Publish, and wait until the nodes have heard it."""
        for topic, payload, retain in messages:
            mark = (topic, payload.encode())
            before = self.taken.count(mark)
            await asyncio.to_thread(self.speaker.say, topic, payload, retain=retain)
            await self.until(lambda mark=mark, before=before: self.taken.count(mark) > before)

    async def until(self, so):
        async with asyncio.timeout(10):
            while not so():  # noqa: ASYNC110 - what a socket brings has no event
                await asyncio.sleep(0.002)
