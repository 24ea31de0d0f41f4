"""The two broker connections: every message is judged as it comes and goes to its lane; nothing is waited for here.

Panics, events, beats and births come on one connection and all answers but those to samples go on it; samples come
on the other, so that no backlog is ever ahead of a panic.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from random import Random

from sqlalchemy import Connection as SqlConnection
from sqlalchemy.exc import SQLAlchemyError

from contract import topics
from contract.errors import TopicError
from contract.messages import Flow
from hub.alarms.service import Fingerprint, raise_alarm
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.fleet.liveness import Liveness
from hub.ingest import dead_letter
from hub.ingest.accept import (
    AcceptedTelemetry,
    Dead,
    ForeignVersion,
    Ignored,
    Registered,
    accept,
)
from hub.ingest.answers import Answers
from hub.ingest.broker import Address, Connection, Topics
from hub.ingest.control import Control
from hub.ingest.events import AcceptedEvents
from hub.ingest.fair import FairQueue
from hub.ingest.pipeline import Pipeline
from hub.ingest.quota import Quotas
from hub.ingest.samples import Samples

log = logging.getLogger(__name__)

SAMPLE_BYTES_AT_MOST = 16_000_000
"""Telemetry that waits to be judged. Beyond it frames are dropped without a receipt, and flow is hold."""

SAMPLE_BYTES_LEAST = 16_000
"""A smaller frame weighs as much."""

SAMPLE_BYTES_OF_ONE = 4_000_000
"""Telemetry that may wait of one gateway: more than the frames that it may have in flight. What goes beyond is
dropped without a receipt, and nobody else is held up for it."""

TURN_MS = 5
"""Telemetry is judged for this long before the loop gets a turn."""

DEAD_AT_MOST = 500
DEAD_AT_ONCE = 100
DEAD_KEPT = 10_000
PRUNE_EVERY = 50
"""Old unreadable messages are forgotten with every so many writes."""

UNREAD_PAUSE_MS = 10 * 60 * 1000
"""A panic frame that nobody can read, after so long without one, asks for a person anew."""

FORGED = ("unknown", "cell", "gateway", "revoked")
"""Reasons that speak of the sender, not of the message."""


class Subscriber:
    """Owns the connections and the queue of samples.

    Args:
        gateways: the registry.
        revoked: gateways whose messages are refused, as it is now.
        quotas: what finds no room in them is not looked at.
    """

    def __init__(
        self,
        *,
        control_address: Address,
        telemetry_address: Address,
        db: Database,
        clock: Clock,
        gateways: Mapping[str, Registered],
        revoked: Callable[[], Container[str]] = tuple,
        liveness: Liveness,
        pipeline: Pipeline,
        quotas: Quotas,
        random: Random,
    ) -> None:
        self._db = db
        self._clock = clock
        self._gateways = gateways
        self._revoked = revoked
        self._liveness = liveness
        self._pipeline = pipeline
        self._quotas = quotas
        self.control = Connection(
            control_address,
            "control",
            [
                Topics(pattern, as_published=not pattern.endswith("/state"))
                for pattern in topics.hub_filters(telemetry=False)
            ],
            on_message=self._on_control,
            on_up=self._control_up,
            on_down=liveness.hub_down,
            random=random,
        )
        self.telemetry = Connection(
            telemetry_address,
            "telemetry",
            [Topics(pattern, as_published=True) for pattern in topics.hub_filters(telemetry=True)],
            on_message=self._on_sample,
            on_up=lambda: None,
            on_down=lambda: None,
            random=random,
            gathers=True,
        )
        self._lanes: Control
        self._samples: Samples
        self._answers: Answers
        self._sample_frames: FairQueue[tuple[str, bytes, bool, int]] = FairQueue(
            SAMPLE_BYTES_AT_MOST, share=SAMPLE_BYTES_OF_ONE
        )
        self._overfull = False
        self._dead: asyncio.Queue[Dead] = asyncio.Queue(DEAD_AT_MOST)
        self._unread: dict[str, int] = {}
        self._greet = asyncio.Event()

    def feed(self, lanes: Control, samples: Samples, answers: Answers) -> None:
        """Where messages go. Before ``run``."""
        self._lanes, self._samples, self._answers = lanes, samples, answers

    def queues(self) -> dict[str, int]:
        """How much waits in each queue."""
        return {
            **self._lanes.queues(),
            "telemetry": len(self._sample_frames),
            "dead": self._dead.qsize(),
            "outgoing": self.control.waiting + self.telemetry.waiting,
        }

    def _control_up(self) -> None:
        self._liveness.hub_up(self._clock.mono_ms())
        self._greet.set()

    async def greet(self) -> None:
        """Hello to every gateway each time the control connection comes to stand. Runs until cancelled."""
        while True:
            await self._greet.wait()
            self._greet.clear()
            await self._lanes.greet_all()

    # Control lanes

    def _on_control(self, topic: str, payload: bytes, retained: bool) -> None:
        try:
            self._take_control(topic, payload, retained)
        except Exception:
            log.exception("message_failed topic=%s", topic)
            self._pipeline.count("failed.message")

    def _take_control(self, topic: str, payload: bytes, retained: bool) -> None:
        if not self._quotas.admits(topic, len(payload), self._clock.mono_ms()):
            self._pipeline.count("over_quota")
            return
        verdict = accept(
            topic,
            payload,
            retained=retained,
            received_ms=self._clock.now_ms(),
            gateways=self._gateways,
            revoked=self._revoked(),
        )
        if isinstance(verdict, AcceptedEvents):
            self._lanes.take_frame(verdict)
        elif isinstance(verdict, Ignored | Dead | ForeignVersion):
            self._turn_away(verdict)
        elif isinstance(verdict, AcceptedTelemetry):
            self._pipeline.count("ignored.telemetry_on_control")
        else:
            self._lanes.take_word(verdict)

    def _turn_away(self, verdict: Ignored | Dead | ForeignVersion) -> None:
        if isinstance(verdict, Ignored):
            self._pipeline.count(f"ignored.{verdict.reason}")
        elif isinstance(verdict, ForeignVersion):
            self._pipeline.count("version")
            self._answers.refuse_version(verdict)
        else:
            self._pipeline.count(f"dead.{verdict.reason}")
            try:
                self._dead.put_nowait(verdict)
            except asyncio.QueueFull:
                self._pipeline.count("dropped.dead")

    async def keep_dead(self) -> None:
        """Put dead letters on record, several at once. Runs until cancelled."""
        writes = 0
        while True:
            letters = [await self._dead.get()]
            while len(letters) < DEAD_AT_ONCE and not self._dead.empty():
                letters.append(self._dead.get_nowait())
            writes += 1
            try:
                await self._db.write(self._keeping(letters, prune=writes % PRUNE_EVERY == 0))
            except (StoreError, SQLAlchemyError) as error:
                log.error("dead_letters_not_kept letters=%d error=%s", len(letters), error)
                self._pipeline.count("dropped.dead", len(letters))

    def _keeping(self, letters: list[Dead], *, prune: bool) -> Callable[[SqlConnection], None]:
        now_ms = self._clock.now_ms()

        def keep(conn: SqlConnection) -> None:
            for dead in letters:
                dead_letter.keep_whole(conn, dead, now_ms=now_ms)
                self._warn_of_unread_panic(conn, dead, now_ms)
            if prune:
                dead_letter.prune(conn, most=DEAD_KEPT)

        return keep

    def _warn_of_unread_panic(self, conn: SqlConnection, dead: Dead, now_ms: int) -> None:
        """A frame in the panic lane of a known gateway that nobody can read may be a press: people must know."""
        known = self._gateways.get(dead.gateway or "")
        if known is None or dead.reason in FORGED or not _of_panic(dead.topic):
            return
        fingerprint = Fingerprint(known.site, known.gateway, known.gateway, "", "panic_unreadable")
        # The gateway tries it again each minute; after a pause it is another one, though the last was seen.
        last_ms = self._unread.get(known.gateway)
        self._unread[known.gateway] = now_ms
        if last_ms is not None and now_ms - last_ms <= UNREAD_PAUSE_MS:
            return
        detail = {"reason": dead.reason}
        raise_alarm(conn, fingerprint, severity=2, now_ms=now_ms, rearm=True, detail=detail)

    # Samples

    def _on_sample(self, topic: str, payload: bytes, retained: bool) -> None:
        now_ms = self._clock.mono_ms()
        if not self._quotas.admits(topic, len(payload), now_ms):
            self._hold(topic)
            return
        weight = max(len(payload), SAMPLE_BYTES_LEAST)
        frame = (topic, payload, retained, now_ms)
        dropped = self._sample_frames.put(topic, frame, weight=weight)
        if not dropped:
            return
        self._pipeline.count("dropped.telemetry", dropped)
        if self._sample_frames.weight + weight > SAMPLE_BYTES_AT_MOST:
            self._overfull = True
            self.judge_flow()

    def _hold(self, topic: str) -> None:
        self._pipeline.count("over_quota")
        with suppress(TopicError):
            self._answers.hold(topics.parse(topic).gateway)

    async def take_samples(self) -> None:
        """Judge and pass on samples, giving way to everything else every few milliseconds. Runs until cancelled."""
        while True:
            await self._sample_frames.wait()
            turn_ends_ms = self._clock.mono_ms() + TURN_MS
            while len(self._sample_frames) and self._clock.mono_ms() < turn_ends_ms:
                topic, payload, retained, received_mono_ms = self._sample_frames.get_nowait()
                try:
                    self._take_one(topic, payload, retained, received_mono_ms)
                except Exception:
                    log.exception("message_failed topic=%s", topic)
                    self._pipeline.count("failed.message")
            if self._overfull and self._sample_frames.weight < SAMPLE_BYTES_AT_MOST // 2:
                self._overfull = False
                self.judge_flow()
            await asyncio.sleep(0)

    def _take_one(self, topic: str, payload: bytes, retained: bool, received_mono_ms: int) -> None:
        waited_ms = self._clock.mono_ms() - received_mono_ms
        verdict = accept(
            topic,
            payload,
            retained=retained,
            received_ms=self._clock.now_ms() - waited_ms,
            gateways=self._gateways,
            revoked=self._revoked(),
        )
        if isinstance(verdict, AcceptedTelemetry):
            self._samples.take(verdict, received_mono_ms)
        elif isinstance(verdict, Ignored | Dead | ForeignVersion):
            self._turn_away(verdict)
        else:
            self._pipeline.count("ignored.control_on_telemetry")

    def judge_flow(self) -> None:
        """Say ``hold`` while InfluxDB or this hub is behind, and ``open`` again afterwards."""
        flow: Flow = "hold" if self._overfull else self._samples.flow
        if flow != self._answers.flow:
            log.warning("flow flow=%s", flow)
            self._answers.set_flow(flow)


def _of_panic(topic: str) -> bool:
    try:
        return topics.parse(topic).lane == "panic"
    except TopicError:
        return False
