"""One notice to each agency at the beginning, and the delivery rows two hours later."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine, select

import hub.tables  # noqa: F401, every room registers its tables
from hub.bus import Bus
from hub.db import metadata
from hub.notify.channels.base import Channel
from hub.notify.channels.webhook import WebhookChannel
from hub.notify.outbox import Notice, enqueue
from hub.notify.policy import Priority
from hub.notify.tables import deliveries, outbox
from hub.notify.worker import NotifyWorker
from hub.outbound import Outbound
from simulator.bad_hour.wire import SYSTEMS, Wire, resolve
from simulator.world.loop import WorldLoop

T = TypeVar("T")

BEGIN_MS = 1_795_000_000_000
LASTS_S = 7200.0
SECRET = b"rahasia-bersama-dinas"


@dataclass(frozen=True, slots=True)
class Got:
    """What one recipient got, by the delivery rows. Times are seconds since the notice was committed.

    Attributes:
        outcomes: how many attempts on its own channel ended how.
        first_s: of the first attempt.
        own_s: when its own channel took the notice; None: never.
        second_s: when its second channel took it; None: it was not asked.
        reached_s: the sooner of both.
        state: of the row of its own channel, two hours later.
        taken: how often its system took the notice; more than once only as a repetition with its key.
    """

    system: str
    words: str
    outcomes: dict[str, int]
    first_s: float
    own_s: float | None
    second_s: float | None
    state: str
    taken: int

    @property
    def reached_s(self) -> float | None:
        """When the first of its channels took the notice."""
        return min((at for at in (self.own_s, self.second_s) if at is not None), default=None)


class _Clock:
    """The loop's time."""

    def now_ms(self) -> int:
        return BEGIN_MS + self.mono_ms()

    def mono_ms(self) -> int:
        return round(asyncio.get_running_loop().time() * 1000)


class _Store:
    """The hub's tables in memory, without threads."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self._engine)

    async def write(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> T:
        with self._engine.begin() as conn:
            return fn(conn)


def play(seed: int = 0) -> tuple[list[Got], Wire]:
    """Live through it; what each got, and what was on the wire. The same seed gives the same."""
    loop = WorldLoop()
    try:
        return loop.run_until_complete(_play(seed))
    finally:
        loop.close()


async def _play(seed: int) -> tuple[list[Got], Wire]:
    store, wire, clock = _Store(), Wire(), _Clock()
    hosts = [f"{name}.example" for name in SYSTEMS] + [f"cadangan-{name}.example" for name in SYSTEMS]
    outbound = Outbound(hosts, transport=wire, resolve=resolve)
    channels: dict[str, Channel] = {
        host.split(".")[0]: WebhookChannel(f"https://{host}/siaga", SECRET, outbound, clock) for host in hosts
    }
    database: Any = store
    worker = NotifyWorker(database, channels, clock, Bus(), random=Random(seed))
    await store.write(_tell)
    task = asyncio.create_task(worker.run(), name="worker")
    await asyncio.sleep(LASTS_S)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return await store.write(lambda conn: [_got(conn, wire, name) for name in SYSTEMS]), wire


def _tell(conn: Connection) -> None:
    for name in SYSTEMS:
        notice = Notice(
            key=f"panic/{name}",
            desk=name,
            channels=(name, f"cadangan-{name}"),
            kind="panic",
            subject="x",
            title="Latihan ketahanan",
            text="-",
            priority=Priority.CRITICAL,
        )
        enqueue(conn, notice, now_ms=BEGIN_MS)


def _got(conn: Connection, wire: Wire, name: str) -> Got:
    own, second = f"panic/{name}/{name}", f"panic/{name}/cadangan-{name}"
    attempts = conn.execute(
        select(deliveries).where(deliveries.c.outbox_key == own).order_by(deliveries.c.attempt)
    ).all()
    state = conn.execute(select(outbox.c.state).where(outbox.c.key == own)).scalar_one()
    return Got(
        system=name,
        words=SYSTEMS[name].words,
        outcomes=dict(Counter(row.outcome for row in attempts)),
        first_s=(attempts[0].started_ms - BEGIN_MS) / 1000,
        own_s=_taken_s(conn, own),
        second_s=_taken_s(conn, second),
        state=state,
        taken=sum(1 for _, host, _, status in wire.arrived if host == name and status == 200),
    )


def _taken_s(conn: Connection, key: str) -> float | None:
    its = (deliveries.c.outbox_key == key, deliveries.c.outcome == "delivered")
    at_ms = conn.execute(select(deliveries.c.finished_ms).where(*its)).scalar()
    return None if at_ms is None else (at_ms - BEGIN_MS) / 1000
