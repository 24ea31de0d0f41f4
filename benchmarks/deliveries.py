"""From the commit of a notice to the receiver's door, and fifty recipients of one alarm.

The store is the hub's on this machine's disk with every flush; worker, webhook and outbound door are the hub's; the
receiver is a server on a socket of the loopback that notes when the whole request was there. What is measured begins
when the transaction with the notice is on disk. TLS and distance come on top.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from benchmarks.load import quantile
from hub.bus import Bus
from hub.clock import SystemClock
from hub.db import Database
from hub.notify.channels.webhook import WebhookChannel
from hub.notify.outbox import Notice, enqueue
from hub.notify.policy import Priority
from hub.notify.worker import NotifyWorker
from hub.outbound import Outbound

NOTICES = 500
NOTICES_QUICK = 5
RECIPIENTS = 50
ROUNDS = 20
ROUNDS_QUICK = 1
HANGING = 5
"""Of the fifty, in the rounds with systems that never answer."""

PATIENCE_S = 15.0
SECRET = b"rahasia-bersama-dinas"
HOST = "127.0.0.1"


@dataclass
class Door:
    """The receiver: notes when each key arrived first; paths that begin with ``/hang`` are never answered."""

    port: int = 0
    arrived_ns: dict[str, int] = field(default_factory=dict)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
            key = json.loads(await reader.readexactly(length))["key"]
            self.arrived_ns.setdefault(key, time.monotonic_ns())
            self.more.set()
            if head.startswith("POST /hang"):
                await self.closing.wait()
            writer.write(b"HTTP/1.1 204 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def wait_for(self, keys: Sequence[str]) -> None:
        """Until all of them have arrived."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.arrived_ns.keys() >= set(keys):
                self.more.clear()
                await self.more.wait()


@dataclass(frozen=True, slots=True)
class Rig:
    """A hub's store and worker, and the door."""

    db: Database
    worker: NotifyWorker
    door: Door

    async def tell(self, keys: Sequence[tuple[str, str]]) -> int:
        """Commit notices by (key, channel) in one transaction; when that was, ns of the monotonic clock."""
        now_ms = SystemClock().now_ms()

        def write(conn: Connection) -> None:
            for key, channel in keys:
                enqueue(conn, _notice(key, channel), now_ms=now_ms)

        await self.db.write(write, urgent=True)
        committed_ns = time.monotonic_ns()
        self.worker.wake()
        return committed_ns


async def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """The figures."""
    async with _rig(folder) as rig:
        one = sorted([await _one(rig, n) for n in range(NOTICES_QUICK if quick else NOTICES)])
        rounds = ROUNDS_QUICK if quick else ROUNDS
        fifty = sorted([await _fifty(rig, f"all{n}", 0) for n in range(rounds)])
        hanging = sorted([await _fifty(rig, f"hang{n}", HANGING) for n in range(rounds)])
    return {
        "first_push_ms": {"p50": quantile(one, 0.5), "p99": quantile(one, 0.99), "most": one[-1]},
        "recipients_50_ms": {"p50": quantile(fifty, 0.5), "most": fifty[-1]},
        "recipients_45_beside_5_hanging_ms": {"p50": quantile(hanging, 0.5), "most": hanging[-1]},
    }


async def _one(rig: Rig, n: int) -> float:
    key = f"one{n}"
    committed_ns = await rig.tell([(key, "r0")])
    await rig.door.wait_for([f"{key}/r0"])
    return (rig.door.arrived_ns[f"{key}/r0"] - committed_ns) / 1e6


async def _fifty(rig: Rig, name: str, hanging: int) -> float:
    """From the commit to the last of those whose systems answer, ms."""
    channels = [f"r{n}" for n in range(RECIPIENTS - hanging)]
    told = [(name, channel) for channel in (*channels, *(f"h{n}" for n in range(hanging)))]
    committed_ns = await rig.tell(told)
    keys = [f"{name}/{channel}" for channel in channels]
    await rig.door.wait_for(keys)
    return (max(rig.door.arrived_ns[key] for key in keys) - committed_ns) / 1e6


def _notice(key: str, channel: str) -> Notice:
    return Notice(
        key=key,
        desk=channel,
        channels=(channel,),
        kind="dispatch",
        subject=key,
        title="Insiden 12: RSUD Contoh, pintu IGD",
        text="Mohon tangani. " * 10,
        priority=Priority.CRITICAL,
    )


@asynccontextmanager
async def _rig(folder: Path) -> AsyncIterator[Rig]:
    door = Door()
    server = await asyncio.start_server(door.serve, HOST, 0)
    door.port = server.sockets[0].getsockname()[1]
    place = f"{HOST}:{door.port}"
    outbound = Outbound([], allow_private=[place])
    clock = SystemClock()
    channels = {
        name: WebhookChannel(
            f"http://{place}/{'hang' if name[0] == 'h' else 'hook'}", SECRET, outbound, clock
        )
        for name in (*(f"r{n}" for n in range(RECIPIENTS)), *(f"h{n}" for n in range(HANGING)))
    }
    db = Database(f"sqlite:///{folder}/hub.sqlite")
    db.open()
    worker = NotifyWorker(db, channels, clock, Bus())
    task = asyncio.create_task(worker.run(), name="worker")
    try:
        yield Rig(db, worker, door)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await outbound.aclose()
        door.closing.set()
        server.close()
        await asyncio.to_thread(db.close)
