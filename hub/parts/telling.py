"""Who is told: people by the outbox, open pages by the bus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import Connection

from hub.api.auth.sessions import Timeouts
from hub.cap.issue import Sender
from hub.cap.worker import CapWorker
from hub.escalation.asking import City
from hub.escalation.worker import Escalation
from hub.incidents.assignments import answered
from hub.incidents.service import Incidents
from hub.notify.asks import ask
from hub.notify.channels.by_sms import SmsChannel
from hub.notify.channels.telegram import TelegramChannel
from hub.notify.chat import ChatReader
from hub.notify.sides import Sides
from hub.notify.sms.fates import FateReader
from hub.notify.sms.gateway import Reporting, SmsGateway
from hub.notify.sms.reader import SmsReader
from hub.parts.ground import Ground, Tasks
from hub.shifts.reads import attended
from hub.told import Told


class Telling:
    """What goes out when something has happened.

    Attributes:
        notify: sends what the outbox holds.
        told: the consequences of events, and who hears of them.
        escalation: asks the next one when nobody answers.
    """

    def __init__(self, ground: Ground) -> None:
        self.notify = Sides(
            ground.db,
            ground.channels,
            ground.exercise_channels,
            ground.clock,
            ground.bus,
            links=ground.links,
        )
        self.told = Told(ground.bus, self.notify, Incidents(ground.region))
        self.escalation = Escalation(
            ground.db,
            ground.clock,
            lambda: City(ground.region, ground.memory.directories.get(), _hears, ask),
            changed=self.told.escalated,
        )
        self.told.escalation = self.escalation
        self._texts = self._read_texts(ground)
        self._fates = self._read_fates(ground)
        self._chats = self._read_chats(ground)
        self._cap = self._say_cap(ground)

    def hear_presses(self, take: Callable[[str], Awaitable[object]]) -> None:
        """Who takes the texts of gateways' modems."""
        if self._texts is not None:
            self._texts.presses = take

    def _read_texts(self, ground: Ground) -> SmsReader | None:
        modems = _modems(ground)
        if not modems:
            return None
        return SmsReader(modems, ground.db, ground.clock, ground.bus, answered=answered, wake=self.told.wake)

    def _read_fates(self, ground: Ground) -> FateReader | None:
        reporting = {name: one for name, one in _modems(ground).items() if isinstance(one, Reporting)}
        if not reporting:
            return None
        return FateReader(reporting, ground.db, ground.clock, wake=self.told.wake)

    def _read_chats(self, ground: Ground) -> ChatReader | None:
        chats = {
            name: channel
            for name, channel in ground.every_channel.items()
            if isinstance(channel, TelegramChannel)
        }
        if not chats or ground.links is None:
            return None
        return ChatReader(
            chats,
            ground.links,
            ground.db,
            ground.clock,
            ground.bus,
            answered=answered,
            wake=self.told.wake,
        )

    def _say_cap(self, ground: Ground) -> CapWorker | None:
        cap = ground.config.cap
        if not cap.sender:
            return None
        return CapWorker(
            Sender(cap.sender, cap.push, cap.exercise_push),
            ground.region,
            ground.db,
            ground.clock,
            ground.bus,
            directory=ground.memory.directories.get,
            wake=self.notify.wake,
        )

    def tasks(self) -> Tasks:
        """What runs."""
        tasks = {
            "notify": self.notify.earnest.run(),
            "notify-exercise": self.notify.exercise.run(),
            "escalation": self.escalation.run(),
        }
        if self._texts is not None:
            tasks["texts"] = self._texts.run()
        if self._fates is not None:
            tasks["fates"] = self._fates.run()
        if self._chats is not None:
            tasks["chats"] = self._chats.run()
        if self._cap is not None:
            tasks["cap"] = self._cap.run()
        return tasks


def _modems(ground: Ground) -> dict[str, SmsGateway]:
    return {
        name: channel.gateway
        for name, channel in ground.every_channel.items()
        if isinstance(channel, SmsChannel)
    }


def _hears(conn: Connection, now_ms: int) -> bool:
    """Whether an operator hears what rings."""
    return attended(conn, Timeouts(), now_ms)
