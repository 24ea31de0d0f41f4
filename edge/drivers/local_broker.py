"""The broker of the site's own nodes: radio nodes and small devices that speak MQTT, each network in its own way.

It is another broker than the hub's, on the board itself or behind a name and a password, and nothing of it reaches the
hub but what the models say. What the broker has kept (retained) says at most whether a node is there: a press that
was kept is none.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

from edge import mqtt
from edge.cancelled import raise_if_cancelled
from edge.clock import Clock
from edge.config.nodes import LocalBroker
from edge.drivers.base import OnEdge, OnPast
from edge.drivers.nodes.chirpstack import ChirpStack
from edge.drivers.nodes.esphome import EspHome
from edge.drivers.nodes.node import NodeDriver
from edge.drivers.nodes.rtl_433 import Rtl433
from edge.drivers.nodes.said import Dialect, Said, UnreadableError
from edge.drivers.nodes.shelly import Shelly
from edge.drivers.nodes.tasmota import Tasmota
from edge.drivers.nodes.zigbee2mqtt import Zigbee2Mqtt

if TYPE_CHECKING:
    from edge.drivers.nodes.sparkplug import SparkplugHost

log = logging.getLogger(__name__)

Publish = tuple[str, bytes]
"""Topic and payload."""

DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    "chirpstack": ChirpStack,
    "zigbee2mqtt": Zigbee2Mqtt,
    "tasmota": Tasmota,
    "esphome": EspHome,
    "rtl_433": Rtl433,
    "shelly": Shelly,
}

REMEMBERED_S = 120
"""For so long the broker keeps presses while the gateway starts anew."""

PAUSE_S = (0.2, 3.0)
"""Shortest and longest pause between two tries to connect: it is near, and buttons wait."""

TURN = 50
"""Messages after which other tasks have their turn: a flood of a radio must not hold up a press at a line."""


class Nodes:
    """All nodes of a local broker: what to subscribe to, and who is meant by a message. No input or output but the log.

    Args:
        on_edge: told of changes of contacts.
        on_past: told of what was measured earlier.
    """

    def __init__(
        self,
        nodes: Sequence[NodeDriver],
        *,
        clock: Clock,
        on_edge: OnEdge = lambda _: None,
        on_past: OnPast = lambda _: None,
    ) -> None:
        self._plain = [
            (DIALECTS[one.meaning.speaks](), one) for one in nodes if one.meaning.speaks in DIALECTS
        ]
        self._sparkplug: dict[str, list[NodeDriver]] = {}
        for one in nodes:
            if one.meaning.speaks not in DIALECTS:
                self._sparkplug.setdefault(one.id, []).append(one)
        self._host = _sparkplug_host(frozenset(self._sparkplug)) if self._sparkplug else None
        self._all = tuple(nodes)
        self._clock = clock
        self._told: set[str] = set()
        self.on_edge = on_edge
        self.on_past = on_past

    @property
    def filters(self) -> tuple[str, ...]:
        """Every topic that a node speaks on."""
        found = [topic for dialect, node in self._plain for topic in dialect.filters(node.id)]
        found += self._host.filters if self._host else ()
        return tuple(dict.fromkeys(found))

    def connected(self, connected: bool) -> list[Publish]:
        """The broker is within reach, or not any more; what to publish."""
        for node in self._all:
            node.connected(connected)
        if not connected or self._host is None:
            return []
        return self._host.begin(self._clock.mono_ms(), self._clock.now_ms())

    def take(self, topic: str, payload: bytes, *, retained: bool) -> list[Publish]:
        """Give a message to the nodes that it is of; what to publish because of it."""
        for dialect, node in self._plain:
            try:
                said = dialect.read(node.id, topic, payload)
            except UnreadableError as error:
                self._unreadable(node.device, topic, error)
                continue
            if said is not None:
                self._hear(node, said, retained=retained)
        return self._take_sparkplug(topic, payload, retained=retained) if self._host else []

    def _take_sparkplug(self, topic: str, payload: bytes, *, retained: bool) -> list[Publish]:
        assert self._host is not None
        try:
            heard = self._host.take(topic, payload, self._clock.mono_ms(), self._clock.now_ms())
        except UnreadableError as error:
            self._unreadable("/".join(topic.split("/")[1::2]), topic, error)
            return []
        for name, said in heard.said:
            for node in self._sparkplug.get(name, ()):
                self._hear(node, said, retained=retained)
        return [] if heard.ask is None else [heard.ask]

    def _hear(self, node: NodeDriver, said: Said, *, retained: bool) -> None:
        self._told.discard(node.device)
        if said.past:
            reading = node.past(said)
            if reading is None:
                log.warning("node_past_unknown device=%s", node.device)
            else:
                self.on_past(reading)
            return
        for edge in node.hear(said, retained=retained):
            self.on_edge(edge)

    def _unreadable(self, who: str, topic: str, error: UnreadableError) -> None:
        if who not in self._told:
            self._told.add(who)
            log.warning("node_unreadable device=%s topic=%r error=%s", who, topic, error)


def _sparkplug_host(wanted: frozenset[str]) -> SparkplugHost:
    # Imported here: it brings protobuf, and most gateways have no such node.
    from edge.drivers.nodes.sparkplug import SparkplugHost

    return SparkplugHost(wanted)


class LocalBrokerClient:
    """Keeps a connection to the local broker for as long as ``run`` runs."""

    def __init__(self, broker: LocalBroker, nodes: Nodes, *, gateway: str, random: Random) -> None:
        self._broker = broker
        self._nodes = nodes
        self._gateway = gateway
        self._random = random
        self._told = ""

    async def run(self, on_edge: OnEdge, on_past: OnPast) -> None:
        """Listen until cancelled. A broker that is not there is tried again for ever."""
        self._nodes.on_edge, self._nodes.on_past = on_edge, on_past
        while True:
            try:
                await self._one()
            except (mqtt.MqttError, OSError, TimeoutError) as error:
                trouble = f"{type(error).__name__}: {error}"
                if trouble != self._told:
                    log.warning("local_broker_down reason=%s", trouble)
                self._told = trouble
            await asyncio.sleep(self._random.uniform(*PAUSE_S))

    async def _one(self) -> None:
        connection = mqtt.client(
            self._broker.host,
            self._broker.port,
            identifier=f"siaga-{self._gateway}",
            keepalive_s=self._broker.keepalive_s,
            tls=self._context(),
            login=self._login(),
            remembered_s=REMEMBERED_S,
        )
        async with connection as connected:
            for topic in self._nodes.filters:
                await connected.subscribe(topic, qos=1)
                raise_if_cancelled()
            log.info("local_broker_up broker=%s:%d", self._broker.host, self._broker.port)
            self._told = ""
            try:
                await self._publish(connected, self._nodes.connected(True))
                await self._listen(connected)
            finally:
                self._nodes.connected(False)

    async def _listen(self, connected: mqtt.Client) -> None:
        taken = 0
        async for message in connected.messages:
            asks = self._heard(message)
            if asks:
                await self._publish(connected, asks)
            taken += 1
            if taken % TURN == 0:
                await asyncio.sleep(0)

    def _heard(self, message: mqtt.Message) -> Sequence[Publish]:
        """Give it to the nodes. What a driver does not foresee must take neither the other nodes nor the buttons."""
        payload = message.payload if isinstance(message.payload, bytes) else b""
        try:
            return self._nodes.take(message.topic.value, payload, retained=message.retain)
        except Exception:
            log.exception("node_failed topic=%r", message.topic.value)
            return ()

    async def _publish(self, connected: mqtt.Client, asks: Sequence[Publish]) -> None:
        for topic, payload in asks:
            await connected.publish(topic, payload, qos=0)
            raise_if_cancelled()

    def _context(self) -> ssl.SSLContext | None:
        if self._broker.ca_file is None:
            return None
        return ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self._broker.ca_file))

    def _login(self) -> tuple[str, str] | None:
        if self._broker.username is None or self._broker.password_file is None:
            return None
        return self._broker.username, self._broker.password_file.read_text(encoding="utf-8").strip()
