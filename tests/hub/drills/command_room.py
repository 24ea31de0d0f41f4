"""A command room with the real contacts of Kota Contoh configured, each at a real socket or a real modem's folder."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select

from hub.agencies.directory import Directory
from hub.bus import Bus
from hub.db import Database
from hub.escalation.asking import City
from hub.escalation.worker import Escalation
from hub.incidents import actions
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.notify import asks
from hub.notify.channels.build import ChannelSpec, build, check_apart
from hub.notify.sides import Sides
from hub.notify.tables import outbox
from hub.outbound import Outbound
from tests.hub.agencies.profile import directory, region
from tests.hub.city import NOW
from tests.hub.notify.asking import LINKS
from tests.hub.notify.receiver import Receiver, receiving

SITI = Actor("siti", "console")
KEY = "rahasia-bersama-dinas"
MINUTE = 60_000

connected: deque[tuple[str, int]] = deque(maxlen=10_000)
"""Every address that this process has asked the kernel to connect to, whoever asked."""


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        connected.append(
            tuple(arguments[1][:2]) if isinstance(arguments[1], tuple) else (str(arguments[1]), 0)
        )


sys.addaudithook(_note)


class Time:
    """Hub time, put forward by tests."""

    def __init__(self):
        self.at_ms = NOW

    def now_ms(self):
        return self.at_ms

    def mono_ms(self):
        return self.at_ms - NOW


@dataclass
class Room:
    """The parts of a hub that tell people, running.

    Attributes:
        real, exercise: who listens where agencies are, and where those who take part in exercises are.
        fenced: the door of exercises.
    """

    db: Database
    clock: Time
    sides: Sides
    escalation: Escalation
    real: Receiver
    exercise: Receiver
    modem: Path
    directory: Directory
    fenced: Outbound

    async def write(self, fn):
        return await self.db.write(fn)

    async def act(self, incident, action, **more):
        """A person takes the incident one step on."""

        def step(conn):
            version = conn.execute(select(incidents.c.version).where(incidents.c.id == incident)).scalar_one()
            actions.act(
                conn,
                region(),
                incident,
                action,
                actor=SITI,
                version=version,
                now_ms=self.clock.now_ms(),
                **more,
            )

        await self.write(step)

    async def pass_minutes(self, minutes):
        """Time goes on with nobody answering: each minute escalations step and workers send all they have."""
        for _ in range(minutes):
            await self.escalation.step()
            await self.settle()
            self.clock.at_ms += MINUTE

    async def settle(self):
        """Until nothing is due any more."""
        self.sides.wake()
        async with asyncio.timeout(20):
            while await self.db.read(self._due):
                self.sides.wake()
                await asyncio.sleep(0.01)

    def _due(self, conn):
        open_ones = select(outbox.c.key).where(
            outbox.c.state.in_(("waiting", "sending"))
            | ((outbox.c.state == "retrying") & (outbox.c.due_ms <= self.clock.now_ms()))
        )
        return conn.execute(open_ones.limit(1)).first()

    async def rows(self):
        return await self.db.read(lambda conn: conn.execute(select(outbox).order_by(outbox.c.key)).all())

    def texts(self):
        """What lies in the modem's outbox."""
        return [file.read_text() for file in (self.modem / "outbox").iterdir()]


def _specs(real, modem):
    """Each channel of every real agency and contact, and a modem that reaches anybody."""
    places = directory()
    named = {name for one in places.contacts.values() for name in one.channels}
    named |= {channel.id for agency in places.agencies.values() for channel in agency.channels}
    webhooks = [ChannelSpec(name, "webhook", f"{real.url}/{name}", KEY) for name in sorted(named)]
    return [*webhooks, ChannelSpec("modem", "sms", by="gammu_files", folder=str(modem))]


@asynccontextmanager
async def command_room(tmp_path, *, exercise_url=None, place=None, everybody=None) -> AsyncIterator[Room]:
    """The room; each argument plants a mistake of a kind that people make.

    Args:
        exercise_url: where the channel for exercises leads, given the real receiver; None: where it should.
        everybody: makes another directory of the city's.
    """
    modem = tmp_path / "gammu"
    for name in ("inbox", "outbox", "sent", "error"):
        (modem / name).mkdir(parents=True)
    # The first contact of an agency is asked by the modem first, all others by their sockets.
    with_modem = replace(
        directory(),
        contacts={
            name: replace(
                one, channels=("modem", *one.channels) if one.step == "first" else (*one.channels, "modem")
            )
            for name, one in directory().contacts.items()
        },
    )
    found = with_modem if everybody is None else everybody(with_modem)
    async with receiving() as real, receiving() as exercise:
        db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
        db.open()
        clock, bus = Time(), Bus()
        out = Outbound([], allow_private=[real.place], timeout_s=2)
        fenced = Outbound([], allow_private=[exercise.place], timeout_s=2)
        earnest = _specs(real, modem)
        drills = [
            ChannelSpec(
                "latihan-webhook",
                "webhook",
                exercise.url if exercise_url is None else exercise_url(real),
                KEY,
            )
        ]
        check_apart(earnest, drills)
        sides = Sides(db, build(earnest, out, clock), build(drills, fenced, clock), clock, bus, links=LINKS)
        escalation = Escalation(
            db,
            clock,
            lambda: City(region(), found, lambda conn, now_ms: False, asks.ask),
            changed=lambda incident: None,
        )
        tasks = [asyncio.create_task(one.run()) for one in (sides.earnest, sides.exercise)]
        try:
            yield Room(db, clock, sides, escalation, real, exercise, modem, found, fenced)
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            await out.aclose()
            await fenced.aclose()
            await asyncio.to_thread(db.close)
