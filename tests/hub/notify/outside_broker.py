"""Brokers of others: a real Mosquitto with passwords, certificates and rights, and one that answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from provisioning.ca import Authority
from simulator.processes import Child, ServerFailed, listens, ports
from tests.hub.notify.listening import listening

TOPIC = "kota/siaga/notices"
CLOSED = "kota/other"


def server_tls(authority: Authority, *hosts: str) -> ssl.SSLContext:
    """TLS of a server whose certificate that authority has signed for those names."""
    identity = authority.server("broker", hosts or ("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    return context


class OutsideBroker:
    """A Mosquitto that Siaga did not configure.

    ``user`` with ``password``, or a certificate, may publish to ``TOPIC``; anybody who logs in may read it.
    """

    user, password = "siaga", "rahasia"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.create(folder / "ca", name="An agency's authority")
        self.client = self.authority.hub("hub")

    def start(self) -> None:
        folder, server = self.folder, self.authority.server("broker", ("127.0.0.1",))
        users = folder / "users"
        subprocess.run(["mosquitto_passwd", "-c", "-b", users, self.user, self.password], check=True)
        rights = folder / "acl"
        rights.write_text(f"user {self.user}\ntopic readwrite {TOPIC}\nuser hub\ntopic write {TOPIC}\n")
        user = "user root\n" if os.geteuid() == 0 else ""
        for file in (users, rights):
            file.chmod(0o600)
        for self.port, self.certified_port in zip(ports(), ports(), strict=True):
            config = folder / "mosquitto.conf"
            tls = f"certfile {server.certificate}\nkeyfile {server.key}\n"
            config.write_text(
                f"{user}per_listener_settings true\n"
                f"listener {self.port} 127.0.0.1\n{tls}"
                f"allow_anonymous false\npassword_file {users}\nacl_file {rights}\n"
                f"listener {self.certified_port} 127.0.0.1\n{tls}"
                f"cafile {self.authority.certificate}\nrequire_certificate true\n"
                f"use_identity_as_username true\nacl_file {rights}\n"
            )
            self.child = Child("mosquitto", ["mosquitto", "-c", config], folder / "mosquitto.log")
            self.child.start()
            with contextlib.suppress(ServerFailed):
                self.child.wait_until(partial(self._ready), timeout_s=30)
                return
            self.child.kill()
        raise ServerFailed("mosquitto found no port", self.child.last_words())

    def _ready(self) -> bool:
        return listens(self.port) and listens(self.certified_port)

    def stop(self) -> None:
        self.child.stop()

    @contextmanager
    def subscriber(self) -> Iterator[queue.Queue[bytes]]:
        """Payloads of ``TOPIC`` as another program gets them."""
        got: queue.Queue[bytes] = queue.Queue()
        subscribed: queue.Queue[None] = queue.Queue()
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.username_pw_set(self.user, self.password)
        client.tls_set(str(self.authority.certificate))

        def on_connect(*_: object) -> None:
            client.subscribe(TOPIC, qos=1)

        client.on_connect = on_connect
        client.on_subscribe = lambda *_: subscribed.put(None)
        client.on_message = lambda _c, _u, message: got.put(message.payload)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            subscribed.get(timeout=10)
            yield got
        finally:
            client.disconnect()
            client.loop_stop()


CONNACK = bytes.fromhex("2003000000")


@dataclass
class TalkingBroker:
    """Answers each publish from ``script``, then takes all.

    An answer is ``take``, ``cut`` (the connection ends before the PUBACK), ``hang``, ``deaf`` (it does not even answer
    CONNECT), or a reason code of the PUBACK; a negative one is that of the CONNACK.
    """

    port: int = 0
    script: list[object] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"mqtts://{self.place}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answer = self.script.pop(0) if self.script else "take"
        try:
            await _packet(reader)
            if answer == "deaf":
                await asyncio.sleep(60)
            if isinstance(answer, int) and answer < 0:
                writer.write(bytes((0x20, 3, 0, -answer, 0)))
                await writer.drain()
                return
            writer.write(CONNACK)
            body = await _packet(reader)
            after = 2 + int.from_bytes(body[:2], "big")
            self.payloads.append(body[body.index(b"{") :])
            if answer == "cut":
                writer.transport.abort()
                return
            if answer == "hang":
                await asyncio.sleep(60)
            code = bytes((answer,)) if isinstance(answer, int) else b""
            writer.write(bytes((0x40, 2 + len(code))) + body[after : after + 2] + code)
            await writer.drain()
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


async def _packet(reader: asyncio.StreamReader) -> bytes:
    await reader.readexactly(1)
    length = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return await reader.readexactly(length)


@asynccontextmanager
async def talking(server: ssl.SSLContext, *script: object) -> AsyncIterator[TalkingBroker]:
    """A broker on a free port of the loopback."""
    broker = TalkingBroker(script=list(script))
    async with listening(broker.serve, server) as broker.port:
        yield broker
