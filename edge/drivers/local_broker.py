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

from edge import mqtt
from edge.cancelled import raise_if_cancelled
from edge.config.nodes import LocalBroker
from edge.drivers.base import OnEdge
from edge.drivers.nodes.chirpstack import ChirpStack
from edge.drivers.nodes.esphome import EspHome
from edge.drivers.nodes.node import NodeDriver
from edge.drivers.nodes.rtl_433 import Rtl433
from edge.drivers.nodes.said import Dialect, UnreadableError
from edge.drivers.nodes.shelly import Shelly
from edge.drivers.nodes.tasmota import Tasmota
from edge.drivers.nodes.zigbee2mqtt import Zigbee2Mqtt

log = logging.getLogger(__name__)

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
    """All nodes of a local broker: what to subscribe to, and who is meant by a message. Pure but for the log."""

    def __init__(self, nodes: Sequence[NodeDriver]) -> None:
        self._nodes = [(DIALECTS[node.meaning.speaks](), node) for node in nodes]
        self._told: set[str] = set()

    @property
    def filters(self) -> tuple[str, ...]:
        """Every topic that a node speaks on."""
        found = (topic for dialect, node in self._nodes for topic in dialect.filters(node.id))
        return tuple(dict.fromkeys(found))

    def connected(self, connected: bool) -> None:
        """The broker is within reach, or not any more."""
        for _, node in self._nodes:
            node.connected(connected)

    def take(self, topic: str, payload: bytes, *, retained: bool, on_edge: OnEdge) -> None:
        """Give a message to the nodes that it is of."""
        for dialect, node in self._nodes:
            try:
                said = dialect.read(node.id, topic, payload)
            except UnreadableError as error:
                if node.device not in self._told:
                    self._told.add(node.device)
                    log.warning("node_unreadable device=%s topic=%r error=%s", node.device, topic, error)
                continue
            if said is not None:
                self._told.discard(node.device)
                for edge in node.hear(said, retained=retained):
                    on_edge(edge)


class LocalBrokerClient:
    """Keeps a connection to the local broker for as long as ``run`` runs."""

    def __init__(self, broker: LocalBroker, nodes: Nodes, *, gateway: str, random: Random) -> None:
        self._broker = broker
        self._nodes = nodes
        self._gateway = gateway
        self._random = random
        self._told = ""

    async def run(self, on_edge: OnEdge) -> None:
        """Listen until cancelled. A broker that is not there is tried again for ever."""
        while True:
            try:
                await self._one(on_edge)
            except (mqtt.MqttError, OSError, TimeoutError) as error:
                trouble = f"{type(error).__name__}: {error}"
                if trouble != self._told:
                    log.warning("local_broker_down reason=%s", trouble)
                self._told = trouble
            await asyncio.sleep(self._random.uniform(*PAUSE_S))

    async def _one(self, on_edge: OnEdge) -> None:
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
            self._nodes.connected(True)
            try:
                await self._listen(connected, on_edge)
            finally:
                self._nodes.connected(False)

    async def _listen(self, connected: mqtt.Client, on_edge: OnEdge) -> None:
        taken = 0
        async for message in connected.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            self._nodes.take(message.topic.value, payload, retained=message.retain, on_edge=on_edge)
            taken += 1
            if taken % TURN == 0:
                await asyncio.sleep(0)

    def _context(self) -> ssl.SSLContext | None:
        if self._broker.ca_file is None:
            return None
        return ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self._broker.ca_file))

    def _login(self) -> tuple[str, str] | None:
        if self._broker.username is None or self._broker.password_file is None:
            return None
        return self._broker.username, self._broker.password_file.read_text(encoding="utf-8").strip()
