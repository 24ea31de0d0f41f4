"""MQTT 5 for the gateway: the only file of edge/ that knows the library, with what has to be mended in it.

A ``Client`` is one connection, used once: ``async with client(...) as connected``.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
from typing import Any, Self

import aiomqtt
from aiomqtt import Client, Message, MqttError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

__all__ = ["AT_ONCE", "Client", "Message", "MqttError", "client", "discard"]

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0

AT_ONCE = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Without it a frame right behind an acknowledgement of ours waits some 40 ms for the broker's delayed ACK."""

RECEIVE_MAXIMUM = 64
"""Unacknowledged messages that the broker may have on its way to us."""


def client(
    host: str,
    port: int,
    *,
    identifier: str,
    keepalive_s: int,
    tls: ssl.SSLContext | None,
    login: tuple[str, str] | None = None,
    will: tuple[str, bytes] | None = None,
    remembered_s: int = 0,
) -> Client:
    """A connection that is not open yet.

    Args:
        tls: None speaks in the clear, as on the board itself.
        login: name and password.
        will: topic and payload that the broker publishes, retained, when the connection breaks.
        remembered_s: for how long the broker keeps what comes while we are away; 0 forgets at once.
    """
    made = _Client(
        host,
        port,
        identifier=identifier,
        username=login[0] if login else None,
        password=login[1] if login else None,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=not remembered_s,
        keepalive=keepalive_s,
        tls_context=tls,
        timeout=CONNECT_TIMEOUT_S,
        properties=_connect_properties(remembered_s),
        will=aiomqtt.Will(will[0], will[1], qos=1, retain=True) if will else None,
        max_queued_incoming_messages=RECEIVE_MAXIMUM * 4,
        socket_options=[AT_ONCE],
    )
    _log_refused_publishes(made)
    _write_only_while_open(made)
    return made


class _Client(Client):
    """A connection that leaves no socket behind when it does not come to stand.

    aiomqtt gives such a try up and leaves its socket open: the library closes it after a keepalive, or Python when it
    collects. A gateway whose line is cut tries for weeks.
    """

    _given_up = False

    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        except BaseException:
            self._given_up = True
            discard(self)
            raise

    def _client_connect(self) -> None:
        # In a thread, which goes on when whoever waits for it is cancelled.
        super()._client_connect()
        if self._given_up:
            self._loop.call_soon_threadsafe(discard, self)


def _connect_properties(remembered_s: int) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = remembered_s
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    return properties


def discard(client: Client) -> None:
    """Drop the connection with all that its socket still holds.

    Closed in the usual way, the kernel would go on sending that over a slow line, before the next connection.
    """
    inner: Any = client._client
    connected = inner.socket()
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        inner._sock_close()


def _write_only_while_open(client: Client) -> None:
    """Watch a socket for writing only if it is still open when its turn comes.

    aiomqtt notes the socket's number and asks the loop for it a moment later. A connection that breaks in between
    leaves a number that is closed, or already the next connection's.
    """
    inner: Any = client._client
    loop = asyncio.get_running_loop()

    def write() -> None:
        try:
            inner.loop_write()
        except Exception as error:
            if not client._disconnected.done():
                client._disconnected.set_exception(error)

    def watch(to: socket.socket) -> None:
        if to.fileno() >= 0:
            loop.add_writer(to.fileno(), write)

    # paho calls it from the thread that connects, too.
    inner.on_socket_register_write = lambda _paho, _userdata, to: loop.call_soon_threadsafe(watch, to)


def _log_refused_publishes(client: Client) -> None:
    """Say it when the broker refuses a publish: aiomqtt drops the reason code of the PUBACK.

    0x87 (not authorised) means that the certificate's name and the topic do not belong together.
    """
    inner: Any = client._client
    on_publish = inner.on_publish

    def checked(paho: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            log.error(
                "link.publish_refused reason=%s hint=%s", reason, "compare gateway id, cell and certificate"
            )
        on_publish(paho, userdata, mid, reason, properties)

    inner.on_publish = checked
