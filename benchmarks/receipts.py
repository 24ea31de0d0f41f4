"""Stands where the hub stands, and gives a receipt for each frame as soon as it is there.

So a gateway is measured by itself: what it sends is checked by the contract's own decoder and counted, and nothing
is stored.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from contract import codec, topics
from contract.messages import Beat, EventFrame, Hello, Receipt, State, TelemetryFrame
from contract.ranges import Ranges
from contract.topics import Lane
from provisioning.ca import Identity
from simulator.servers import Mosquitto, client_context

INC = (1, 1)

_CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A telemetry frame, when it came.

    Attributes:
        at_s: monotonic clock.
        newest_ms: UTC of its last record.
    """

    at_s: float
    newest_ms: int
    records: int
    values: int


class ReceiptGiver:
    """Hears every gateway of a broker. Its callbacks run in the client's own threads."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.births: list[float] = []
        """Monotonic clock of each connection that a gateway has made."""
        self.came: dict[str, Ranges] = {}
        """Sequence numbers of telemetry by epoch."""
        self.lost: dict[str, Ranges] = {}
        """Those that beats have declared lost, by epoch."""
        self.floor = 0
        """Of the telemetry lane in the newest beat: all below it has its receipt."""
        self.next = 1
        """Of the telemetry lane in the newest beat: all below it was accepted."""
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Count from nothing again."""
        with self._lock:
            self.arrivals = []

    def on_control(self, client: Client, _: object, message: MQTTMessage) -> None:
        """A message that is no telemetry."""
        topic, payload = topics.parse(message.topic), bytes(message.payload)
        if topic.lane is not None:
            self._receipt(client, topic, topic.lane, codec.decode_frame(topic.lane, payload))
        elif topic.leaf == "state":
            self._greet(client, topic, codec.decode(State, payload))
        elif topic.leaf == "up/beat":
            self._note(codec.decode(Beat, payload))

    def on_telemetry(self, client: Client, _: object, message: MQTTMessage) -> None:
        """A telemetry frame."""
        at_s = time.monotonic()
        topic = topics.parse(message.topic)
        frame = cast(TelemetryFrame, codec.decode_frame("telemetry", bytes(message.payload)))
        self._receipt(client, topic, "telemetry", frame)
        with self._lock:
            self.came.setdefault(frame.epoch, Ranges()).add(frame.first, frame.last)
            newest_ms = cast(int, frame.base_ms) + cast(int, frame.rows[-1][1])
            values = sum(len(row) - 2 for row in frame.rows)
            self.arrivals.append(Arrival(at_s, newest_ms, frame.n, values))

    def _note(self, beat: Beat) -> None:
        account = beat.lanes["telemetry"]
        self.floor, self.next = account.floor, account.next
        with self._lock:
            for loss in beat.lost:
                if loss.lane == "telemetry":
                    self.lost.setdefault(loss.epoch, Ranges()).add(loss.first, loss.last)

    def _receipt(
        self, client: Client, topic: topics.Topic, lane: Lane, frame: TelemetryFrame | EventFrame
    ) -> None:
        receipt = Receipt(inc=INC, epoch=frame.epoch, lane=lane, ranges=((frame.first, frame.last),))
        client.publish(topics.topic(topic.cell, topic.gateway, "down/receipt"), codec.encode(receipt), qos=1)

    def _greet(self, client: Client, topic: topics.Topic, birth: State) -> None:
        if not birth.online:
            return
        self.births.append(time.monotonic())
        hello = Hello(
            inc=INC, hub_ms=time.time_ns() // 1_000_000, echo_ms=birth.mono_ms, echo_boot=birth.boot
        )
        client.publish(topics.topic(topic.cell, topic.gateway, "down/hello"), codec.encode(hello), qos=1)


@contextmanager
def receipts(broker: Mosquitto) -> Iterator[ReceiptGiver]:
    """A receipt-giver on that broker, its subscriptions in place."""
    giver = ReceiptGiver()
    clients = [
        _connected(broker, broker.hub_control(), topics.hub_filters(telemetry=False), giver.on_control),
        _connected(broker, broker.hub_telemetry(), topics.hub_filters(telemetry=True), giver.on_telemetry),
    ]
    try:
        yield giver
    finally:
        for client in clients:
            client.disconnect()
            client.loop_stop()


def _connected(
    broker: Mosquitto,
    identity: Identity,
    filters: tuple[str, ...],
    on_message: Callable[[Client, object, MQTTMessage], None],
) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set_context(client_context(identity))
    client.on_message = on_message
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()

    def subscribe(*_: object) -> None:
        client.subscribe([(one, 1) for one in filters])

    client.on_connect = subscribe
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = 1000
    client.connect(broker.host, broker.port, clean_start=True, properties=properties)
    client.loop_start()
    if not subscribed.wait(_CONNECT_S):
        raise TimeoutError("the broker did not take the subscriptions of the receipt-giver")
    return client
