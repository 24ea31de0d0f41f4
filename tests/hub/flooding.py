"""A gateway gone mad, in a process of its own: one certificate, one topic, as fast as the broker takes it.

``python -m tests.hub.flooding PORT CA CERTIFICATE KEY TOPIC LANE EPOCH GATEWAY QOS``, until its standard input ends.
With QoS 1 it keeps to the messages in flight that the broker allows; with QoS 0 it keeps to nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contract.topics import Lane, topic
from hub.region import load
from simulator.servers import Mosquitto
from tests.hub.ingest.frames import body, event_frame
from tests.hub.running import PROFILE

DISTINCT = 20_000
"""Presses before it begins again with the first."""

AT_ONCE = 60


def packet(where: str, payload: bytes, qos: int, number: int) -> bytes:
    """A PUBLISH of MQTT 5 without properties."""
    name = where.encode()
    number_bytes = (1 + number % AT_ONCE).to_bytes(2, "big") if qos else b""
    rest = len(name).to_bytes(2, "big") + name + number_bytes + b"\x00" + payload
    length, left = bytearray(), len(rest)
    while True:
        left, low = divmod(left, 128)
        length.append(low | (0x80 if left else 0))
        if not left:
            return bytes([0x30 | qos << 1]) + bytes(length) + rest


def connected(port: int, ca: str, certificate: str, key: str) -> ssl.SSLSocket:
    """A connection that the broker has taken."""
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    secure = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1")
    secure.sendall(bytes.fromhex("101200044d5154540502003c000005") + b"banjr")
    assert secure.recv(200)[:1] == b"\x20"
    return secure


def presses(lane: Lane, epoch: str, gateway: str) -> list[bytes]:
    """Frames of one record each, all of them new."""
    kind = "panic_press" if lane == "panic" else "door_edge"
    return [
        event_frame(body(10**6 + at, kind=kind), first=at + 1, epoch=epoch, gateway=gateway)
        for at in range(DISTINCT)
    ]


def flood(secure: ssl.SSLSocket, where: str, frames: list[bytes], qos: int) -> None:
    """Send until standard input ends."""
    runs = [
        b"".join(packet(where, frames[at + n], qos, n) for n in range(min(AT_ONCE, DISTINCT - at)))
        for at in range(0, DISTINCT, AT_ONCE)
    ]
    ended = selectors.DefaultSelector()
    ended.register(sys.stdin, selectors.EVENT_READ)
    print("floods", flush=True)
    while not ended.select(0):
        for run in runs:
            secure.sendall(run)
            answered = 0
            while qos and answered < run.count(where.encode()):
                answered += secure.recv(4096).count(b"\x40")
            if ended.select(0):
                return


@asynccontextmanager
async def flooding(broker: Mosquitto, name: str, *, lane: Lane, epoch: str, qos: int) -> AsyncIterator[None]:
    """While the block lasts, that gateway floods that lane."""
    cell = load(PROFILE).gateways[name].cell
    who = broker.enrol(name, cell)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", __name__),
        *map(str, (broker.port, who.authority, who.certificate, who.key)),
        *(topic(cell, name, f"up/{lane}"), lane, epoch, name, str(qos)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"floods\n"
        yield
    finally:
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


if __name__ == "__main__":
    port, ca, certificate, key, where, which, epoch, gateway, qos = sys.argv[1:]
    lane: Lane = "panic" if which == "panic" else "event"
    with connected(int(port), ca, certificate, key) as secure:
        flood(secure, where, presses(lane, epoch, gateway), int(qos))
