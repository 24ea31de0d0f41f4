"""One message to an MQTT broker over a connection that stands. The only file of the outbox that knows the MQTT library.

The library opens no socket here: it is given one, which has passed the fence of ``hub.outbound``. MQTT 5 only: an older
broker acknowledges what it has thrown away.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

KEEPALIVE_S = 60
NOBODY_LISTENS = 0x10
"""A success: the broker has it, and no subscriber does."""

FOR_GOOD = frozenset({0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x90, 0x95, 0x99, 0x9B})
"""Reason codes after which the same message by the same login is refused again: what was sent is no MQTT to them, the
version, the name, the password, no right, banned, the way to prove oneself, topic, size, payload, QoS (MQTT 5, 2.4)."""

# The library writes of each of its errors by itself; what is to be known of them is in the answer.
_quiet = logging.getLogger("hub.notify.channels.mqtt_session.library")
_quiet.setLevel(logging.CRITICAL + 1)


class BrokerError(Exception):
    """The broker has not taken it.

    Attributes:
        for_good: it never will.
    """

    def __init__(self, message: str, *, for_good: bool = False) -> None:
        super().__init__(message)
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Publish:
    """What is published, with QoS 1 and never retained.

    Attributes:
        lasts_s: for how long the broker keeps it for a subscriber that is away.
    """

    topic: str
    payload: bytes
    lasts_s: int


@dataclass(frozen=True, slots=True)
class Login:
    """As whom; both empty where the certificate says it, or nobody asks."""

    user: str = ""
    password: str = field(default="", repr=False)


NOBODY = Login()


async def publish(secure: ssl.SSLSocket, login: Login, message: Publish) -> int:
    """Log in, publish, and wait for the broker's PUBACK: its reason code. The socket is closed in the end.

    Takes as long as the broker does: bound it.

    Raises:
        BrokerError: the broker refuses, or ends the connection.
    """
    session = _Session(secure)
    try:
        await session.connect(login)
        return await session.publish(message)
    finally:
        session.close()


class _Given(Client):
    """The library's client on a socket that others have opened."""

    def __init__(self, secure: ssl.SSLSocket) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=f"siaga-{uuid4().hex[:12]}",
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        self._given = secure
        self.enable_logger(_quiet)

    def _create_socket(self) -> ssl.SSLSocket:
        return self._given


class _Session:
    """The library's callbacks as answers that can be waited for, one at a time, in the event loop."""

    def __init__(self, secure: ssl.SSLSocket) -> None:
        self._loop = asyncio.get_running_loop()
        self._secure = secure
        self._answer: asyncio.Future[ReasonCode] = self._loop.create_future()
        client = self._client = _Given(secure)
        client.on_connect = self._on_answer
        client.on_publish = self._on_answer
        client.on_disconnect = self._on_end
        client.on_socket_register_write = self._on_full
        client.on_socket_unregister_write = self._on_written
        client.on_socket_close = self._on_close

    async def connect(self, login: Login) -> None:
        """Raises: BrokerError."""
        if login.user:
            self._client.username_pw_set(login.user, login.password)
        self._loop.add_reader(self._secure.fileno(), self._read)
        # The library wants a name here and uses none: the socket is already where it belongs.
        self._client.connect("given", keepalive=KEEPALIVE_S, clean_start=True)
        await self._answer

    async def publish(self, message: Publish) -> int:
        """Raises: BrokerError."""
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = "application/json"
        properties.PayloadFormatIndicator = 1
        properties.MessageExpiryInterval = message.lasts_s
        self._answer = self._loop.create_future()
        self._client.publish(message.topic, message.payload, qos=1, properties=properties)
        return int((await self._answer).value)

    def close(self) -> None:
        """Say goodbye where somebody is there, and close. Idempotent."""
        self._answer.cancel()
        if self._client.is_connected():
            self._client.disconnect()
        self._unwatch()
        self._secure.close()
        # The library looks after its socket once more when it is collected; there is nothing left to unwatch then.
        self._client.on_socket_unregister_write = self._client.on_socket_close = None

    def _on_answer(
        self, client: Client, userdata: Any, about: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        """CONNACK or PUBACK."""
        if self._answer.done():
            return
        if reason.is_failure:
            self._answer.set_exception(_refusal(reason))
        else:
            self._answer.set_result(reason)

    def _on_end(
        self, client: Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self._answer.done():
            return
        gone = BrokerError("the broker ended the connection before it had the notice")
        self._answer.set_exception(_refusal(reason) if reason.value in FOR_GOOD else gone)

    def _on_full(self, client: Client, userdata: Any, to: Any) -> None:
        self._loop.add_writer(to.fileno(), self._write)

    def _on_written(self, client: Client, userdata: Any, to: Any) -> None:
        self._loop.remove_writer(to.fileno())

    def _on_close(self, client: Client, userdata: Any, to: Any) -> None:
        self._unwatch()

    def _read(self) -> None:
        self._client.loop_read()
        # TLS may hold more than what has woken us, and the kernel does not know of it.
        while self._client.socket() is not None and self._secure.pending():
            self._client.loop_read()

    def _write(self) -> None:
        self._client.loop_write()

    def _unwatch(self) -> None:
        if self._secure.fileno() >= 0:
            self._loop.remove_reader(self._secure.fileno())
            self._loop.remove_writer(self._secure.fileno())


def _refusal(reason: ReasonCode) -> BrokerError:
    return BrokerError(f"the broker refuses: {reason}", for_good=reason.value in FOR_GOOD)
