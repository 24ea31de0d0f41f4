"""A plain MQTT 5 client for tests that want to see what the broker really answered, and what it let
through."""

from __future__ import annotations

import queue
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.identity import heed_dates
from provisioning.ca import Identity
from simulator.servers import Mosquitto, client_context

SUCCESS = 0x00
NO_SUBSCRIBERS = 0x10
NOT_AUTHORIZED = 0x87


class Peer:
    """A connected client with its messages in a queue."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.acked: dict[int, int] = {}
        self.ended: queue.Queue[int] = queue.Queue()
        self._connected: queue.Queue[int] = queue.Queue()
        self._subscribed: queue.Queue[int] = queue.Queue()
        client.on_connect = lambda c, u, flags, reason, properties: self._connected.put(reason.value)
        client.on_disconnect = lambda c, u, flags, reason, properties: self.ended.put(reason.value)
        client.on_message = lambda c, u, message: self.messages.put((message.topic, message.payload))
        client.on_publish = lambda c, u, mid, reason, properties: self.acked.__setitem__(mid, reason.value)
        client.on_subscribe = lambda c, u, mid, reasons, properties: self._subscribed.put(reasons[0].value)

    def connected(self) -> int:
        """Reason code of the CONNACK."""
        return self._connected.get(timeout=10)

    def subscribe(self, topic: str) -> int:
        """Reason code of the SUBACK."""
        self.client.subscribe(topic, qos=1)
        return self._subscribed.get(timeout=10)

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        """Reason code of the PUBACK."""
        mid = self.client.publish(topic, payload, qos=1, retain=retain).mid
        end = time.monotonic() + 10
        while mid not in self.acked:
            assert time.monotonic() < end, f"no answer to a publish to {topic}"
            time.sleep(0.001)
        return self.acked.pop(mid)

    def drain(self, mark: str) -> list[str]:
        """Topics of all messages that came before the one on topic ``mark``."""
        topics = []
        while (topic := self.messages.get(timeout=10)[0]) != mark:
            topics.append(topic)
        return topics


@contextmanager
def peer(
    broker: Mosquitto,
    identity: Identity,
    *,
    client_id: str = "",
    will: str | None = None,
    dates: bool = True,
) -> Iterator[Peer]:
    """A client connected with that certificate; without ``dates`` it does not look at those of the broker's."""
    client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
    context = client_context(identity)
    heed_dates(context, synced=dates)
    client.tls_set_context(context)
    # Enough for whatever a test does; the broker's own limit comes with its CONNACK.
    client.max_inflight_messages_set(1000)
    if will is not None:
        client.will_set(will, b"will", qos=1)
    one = Peer(client)
    properties = Properties(PacketTypes.CONNECT)
    client.connect(broker.host, broker.port, clean_start=True, properties=properties, keepalive=30)
    client.loop_start()
    try:
        assert one.connected() == SUCCESS
        yield one
    finally:
        client.disconnect()
        client.loop_stop()


class Wire:
    """One MQTT 5 connection byte by byte, for what a client library would not send or not believe."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self.secure = context.wrap_socket(plain, server_hostname=host)
        self.secure.sendall(bytes.fromhex("101000044d5154540502003c000003") + b"uji")
        assert self.answer()[:1] == b"\x20"

    def publish(self, topic: str, payload: bytes) -> bytes:
        """What comes back first after a QoS 1 PUBLISH; nothing if the connection just ends."""
        name = topic.encode()
        body = len(name).to_bytes(2, "big") + name + b"\x00\x07" + b"\x00" + payload
        try:
            self.secure.sendall(b"\x32" + _variable(len(body)) + body)
        except (ssl.SSLError, ConnectionError):
            pass  # ended while we were still sending; what it said is there to be read
        return self.answer()

    def answer(self) -> bytes:
        """The next packet or packets that came."""
        try:
            return self.secure.recv(200)
        except (ssl.SSLError, ConnectionError):
            return b""


@contextmanager
def wire(broker: Mosquitto, identity: Identity) -> Iterator[Wire]:
    """A bare connection with that certificate."""
    with socket.create_connection((broker.host, broker.port), timeout=5) as plain:
        one = Wire(plain, client_context(identity), broker.host)
        with one.secure:
            yield one


def _variable(length: int) -> bytes:
    """A length as MQTT writes it: seven bits a byte."""
    out = bytearray()
    while True:
        length, low = divmod(length, 128)
        out.append(low | (0x80 if length else 0))
        if not length:
            return bytes(out)
