"""One connection to the broker. The only file that knows the MQTT library.

The library's own reconnect is off: each connection is a new client and a new session, so that nothing of an old
one can be acknowledged or sent in it. PUBACK goes out before a message is looked at; it is flow control only.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

from gmqtt import Client, Subscription
from gmqtt.mqtt.constants import MQTTv50
from gmqtt.mqtt.handler import MQTTError
from gmqtt.storage import PersistentStorage

from contract.messages import MAX_FRAME_BYTES

log = logging.getLogger(__name__)

CONNECT_S = 10.0
"""Longest wait for the broker to take the connection, and again for it to take the subscriptions."""

CLOSE_S = 2.0
WAITING_AT_MOST = 4096
"""Messages of each urgency that wait while the broker takes no more; beyond it the oldest go."""

_PUBACK, _PUBLISH, _PUBLISH_0 = 0x40, 0x32, 0x30
"""First bytes of these packets, as the hub sends them; the last is of QoS 0, which it never sends and may get."""

NEVER = -2
"""As the number of the library's own reconnects: fewer than any number of failures."""

_quiet = logging.getLogger("hub.ingest.broker.library")
_quiet.setLevel(logging.CRITICAL + 1)

Received = Callable[[str, bytes, bool], None]
"""(topic, payload, retained). Must be quick and must not raise."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is, and as whom to come."""

    host: str
    port: int
    ca: str
    certificate: str
    key: str
    keepalive_s: int = 10


@dataclass(frozen=True, slots=True)
class Topics:
    """A subscription. ``as_published`` shows the retained flag as the sender set it, so that a retained frame is
    seen for what it is even by a hub that was there when it was sent."""

    filter: str
    as_published: bool


class Connection:
    """Connects, subscribes, and connects again until cancelled.

    Args:
        name: in the log and in the client id.
        on_message: gets every message.
        on_up, on_down: the subscriptions stand; the connection is gone. Not called twice in a row.
        gathers: what is published in one pass of the event loop goes out together at its end. For a connection that
            says much and nothing that is urgent.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        topics: Sequence[Topics],
        *,
        on_message: Received,
        on_up: Callable[[], None],
        on_down: Callable[[], None],
        random: Random,
        gathers: bool = False,
    ) -> None:
        self._address = address
        self._gathers = gathers
        self._name = name
        self._topics = tuple(topics)
        self._on_message = on_message
        self._on_up = on_up
        self._on_down = on_down
        self._random = random
        self._client: Client | None = None
        self._waiting: tuple[deque[tuple[str, bytes]], deque[tuple[str, bytes]]] = (deque(), deque())
        self.up = False
        """Whether the subscriptions stand now."""
        self.dropped = 0
        """Messages that were never sent: too many waited, or the connection went."""

    @property
    def waiting(self) -> int:
        """Messages that the broker has not taken yet."""
        return len(self._waiting[0]) + len(self._waiting[1])

    def publish(self, topic: str, payload: bytes, *, urgent: bool = False) -> bool:
        """Send with QoS 1, urgent messages before others; False where there is no connection to send it on.

        What is not taken before the connection ends is gone: gateways ask again.
        """
        if not self.up:
            self.dropped += 1
            return False
        queue = self._waiting[0 if urgent else 1]
        if len(queue) >= WAITING_AT_MOST:
            queue.popleft()
            self.dropped += 1
        queue.append((topic, payload))
        self._send_waiting()
        return True

    def _send_waiting(self) -> None:
        """Send as much as the broker takes at once; its acknowledgements bring us back here."""
        if self._client is None or not self.up:
            return
        for queue in self._waiting:
            while queue:
                topic, payload = queue[0]
                try:
                    self._client.publish(topic, payload, qos=1)
                except OverflowError:  # every packet id that the broker allows is in flight
                    return
                queue.popleft()

    async def run(self) -> None:
        """Stay connected until cancelled. Waits between attempts: 0.2 s doubled to 5 s, ±30 %."""
        failures = 0
        while True:
            try:
                await self._session()
                failures = 0
            except (OSError, TimeoutError, MQTTError, SubscriptionRefused) as error:
                if failures == 0:
                    log.warning(
                        "broker_unreachable connection=%s error=%s", self._name, error or type(error).__name__
                    )
                failures += 1
            pause_s = min(5.0, 0.2 * 2.0 ** min(failures, 10))
            await asyncio.sleep(pause_s * self._random.uniform(0.7, 1.3))

    async def _session(self) -> None:
        """One connection from its beginning to its end.

        Raises:
            OSError, TimeoutError, MQTTError, SubscriptionRefused: it never came to stand.
        """
        lost = asyncio.Event()
        client = self._new_client(lost)
        try:
            async with asyncio.timeout(CONNECT_S):
                await client.connect(
                    self._address.host,
                    self._address.port,
                    ssl=self._tls(),
                    keepalive=self._address.keepalive_s,
                    version=MQTTv50,
                )
            _gather(client, publishes=self._gathers)
            _ShortWay(client, self._on_message).open()
            await self._subscribe(client, lost)
            self._client, self.up = client, True
            log.info("broker_up connection=%s", self._name)
            self._on_up()
            await lost.wait()
        finally:
            if self.up:
                self._client, self.up = None, False
                self.dropped += self.waiting
                for queue in self._waiting:
                    queue.clear()
                log.warning("broker_down connection=%s", self._name)
                self._on_down()
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_S):
                    await client.disconnect()

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self._address.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._address.certificate, self._address.key)
        return context

    def _new_client(self, lost: asyncio.Event) -> Client:
        client = Client(
            f"{self._name}-{uuid4().hex[:8]}",
            clean_session=True,
            persistent_storage=_InFlight(self._send_waiting),
            logger=_quiet,
            receive_maximum=1000,
            maximum_packet_size=2 * MAX_FRAME_BYTES,
        )
        client.set_config({"reconnect_retries": NEVER, "reconnect_delay": 0})

        def received(
            _: Client, topic: str | bytes, payload: bytes, _qos: int, properties: dict[str, Any]
        ) -> int:
            if isinstance(topic, bytes):  # not UTF-8
                topic = topic.decode("utf-8", "replace")
            self._on_message(topic, payload, bool(properties["retain"]))
            return 0

        client.on_message = received
        client.on_disconnect = lambda *_: lost.set()
        return client

    async def _subscribe(self, client: Client, lost: asyncio.Event) -> None:
        granted: asyncio.Future[Sequence[int]] = asyncio.get_running_loop().create_future()

        def told(_: Client, _mid: int, codes: Sequence[int], _properties: object) -> None:
            if not granted.done():
                granted.set_result(codes)

        client.on_subscribe = told
        client.subscribe(
            [
                Subscription(topics.filter, qos=1, retain_as_published=topics.as_published)
                for topics in self._topics
            ]
        )
        async with asyncio.timeout(CONNECT_S):
            ended = asyncio.ensure_future(lost.wait())
            try:
                either: set[asyncio.Future[Any]] = {granted, ended}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended.cancel()
        if not granted.done():
            raise SubscriptionRefused("the broker went before it took the subscriptions")
        if any(code >= 0x80 for code in granted.result()):
            raise SubscriptionRefused(
                f"the broker grants {list(granted.result())}; does its ACL know this certificate?"
            )


class SubscriptionRefused(Exception):
    """The broker took the connection but not the subscriptions."""


class _ShortWay:
    """Takes messages of QoS 1 and 0 without properties, which are nearly all there are, past the library's own steps.

    Its way from bytes to ``on_message`` and back to a PUBACK is twenty calls, a fifth of what the hub does for a small
    frame. No gateway of ours sends with QoS 0, but one that has gone mad may, and then nothing bounds what it sends.
    All other packets go its way, in their order.
    """

    def __init__(self, client: Client, on_message: Received) -> None:
        self._connection = client._connection
        self._protocol = client._connection._protocol
        self._long_way: Callable[[bytes], int] = self._protocol._read_packet
        self._on_message = on_message
        self._acknowledged = bytearray()

    def open(self) -> None:
        """From now on the library reads by it."""
        self._protocol._read_packet = self.read

    def read(self, data: bytes) -> int:
        """Take whole packets; how many bytes they were, -1 for what is no MQTT."""
        self._connection._last_data_in = time.monotonic()
        start = 0
        while (extent := _extent(data, start)) is not None:
            body, end = extent
            if not self._take(data, start, body, end) and self._long_way(data[start:end]) < 0:
                return -1
            start = end
        if self._acknowledged:
            self._protocol.write_data(bytes(self._acknowledged))
            self._acknowledged.clear()
        # What is left is the beginning of a packet, or no MQTT at all: the library tells which.
        return -1 if self._long_way(data[start:]) < 0 else start

    def _take(self, data: bytes, start: int, body: int, end: int) -> bool:
        """Hand on a message and acknowledge it; False for every other packet."""
        after = body + 2 + int.from_bytes(data[body : body + 2], "big")
        if data[start] & 0xFE == _PUBLISH_0:
            if after == body + 2 or after + 1 > end or data[after] != 0:
                return False
            self._hand_on(data[body + 2 : after], data[after + 1 : end], data[start])
            return True
        if data[start] & 0xF6 != _PUBLISH:
            return False
        if after == body + 2 or after + 3 > end or data[after + 2] != 0:
            return False
        self._acknowledged += b"\x40\x02" + data[after : after + 2]
        self._hand_on(data[body + 2 : after], data[after + 3 : end], data[start])
        return True

    def _hand_on(self, topic: bytes, payload: bytes, first: int) -> None:
        self._on_message(topic.decode("utf-8", "replace"), payload, bool(first & 1))


def _extent(data: bytes, start: int) -> tuple[int, int] | None:
    """Where the body of the packet begins and ends; None where it is not there as a whole."""
    length = shift = 0
    for at in range(start + 1, min(start + 5, len(data))):
        length |= (data[at] & 0x7F) << shift
        if data[at] < 0x80:
            return (at + 1, at + 1 + length) if at + 1 + length <= len(data) else None
        shift += 7
    return None


def _gather(client: Client, *, publishes: bool) -> None:
    """Let the client's PUBACKs of one pass of the event loop go out together, and if told so its messages.

    The library writes each packet by itself, and each is then a record of TLS of its own: at thousands of frames a
    second that costs more than all else it does.
    """
    protocol = client._connection._protocol
    held = (_PUBACK, _PUBLISH) if publishes else (_PUBACK,)
    protocol._transport = _Gathering(protocol._transport, held)


class _Gathering:
    """A transport that holds packets of some types back until the end of the pass, or until another is written."""

    def __init__(self, transport: asyncio.Transport, types: tuple[int, ...]) -> None:
        self._transport = transport
        self._types = types
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Write in the order of the calls."""
        if data[0] not in self._types:
            self._transport.write(bytes(self._held) + data)
            self._held.clear()
            return
        if not self._held:
            asyncio.get_running_loop().call_soon(self._flush)
        self._held += data

    def _flush(self) -> None:
        if self._held and not self._transport.is_closing():
            self._transport.write(bytes(self._held))
        self._held.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _InFlight(PersistentStorage):  # type: ignore[misc]
    """The library's store of unacknowledged messages, which says when there is room for more."""

    def __init__(self, on_room: Callable[[], None]) -> None:
        super().__init__()
        self._on_room = on_room

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        self._on_room()
