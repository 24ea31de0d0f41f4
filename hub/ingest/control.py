"""The control lanes: panics at once and alone, events together, beats and births, each answered after its commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from contract.ranges import Ranges
from contract.topics import Lane
from hub.alarms.service import Fingerprint, raise_alarm
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.fleet import gateways as fleet
from hub.fleet.liveness import Back, Liveness, Reason
from hub.ingest import ledger
from hub.ingest.accept import AcceptedBeat, AcceptedReply, AcceptedState, Registered
from hub.ingest.answers import Answers
from hub.ingest.commit import commit_events
from hub.ingest.events import AcceptedEvents, Committed, Consequences, StoredEvent
from hub.ingest.fair import FairQueue
from hub.ingest.ledger import Noted, StreamKey
from hub.ingest.pipeline import Pipeline
from hub.ingest.samples import Fresh

log = logging.getLogger(__name__)

T = TypeVar("T")

PANICS_AT_ONCE = 16
"""Presses in one transaction: another gateway's press waits for its end."""

EVENTS_AT_ONCE = 300
"""Event records in one transaction (at least one frame): a panic that comes meanwhile waits for its end."""

UNSTORED_SEVERITY = 3
"""Severity (0..3) of the alarm of a press that the hub itself cannot store."""

WORDS_AT_ONCE = 64
"""Beats and births in one transaction."""

JUDGE_EVERY_S = 0.5


class Told(Protocol):
    """Who is told what has changed, on the event loop, after the commit."""

    def stored(self, new: Sequence[StoredEvent]) -> None:
        """These events are new."""
        ...

    def gateway(self, gateway: str) -> None:
        """A gateway fell silent, or is back."""
        ...

    def account(self, accepted: AcceptedBeat) -> None:
        """A gateway has given its account."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """A panic or event frame with the time of its arrival."""

    accepted: AcceptedEvents
    received_mono_ms: int


Word = AcceptedBeat | AcceptedState


class Control:
    """Queues of the control lanes and the tasks that work them off."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        gateways: Mapping[str, Registered],
        consequences: Consequences,
        answers: Answers,
        pipeline: Pipeline,
        liveness: Liveness,
        fresh: Fresh,
        told: Told,
        replied: Callable[[AcceptedReply], None] = lambda _: None,
        frames_at_most: int = 1000,
        words_at_most: int = 4000,
    ) -> None:
        self._db = db
        self._clock = clock
        self._gateways = gateways
        self._consequences = consequences
        self._answers = answers
        self._pipeline = pipeline
        self._liveness = liveness
        self._fresh = fresh
        self._told = told
        self._replied = replied
        self._panics: FairQueue[Frame] = FairQueue(frames_at_most)
        self._events: FairQueue[Frame] = FairQueue(frames_at_most)
        self._words: FairQueue[Word] = FairQueue(words_at_most)
        self._silent_on_record: dict[str, bool] = {}

    def queues(self) -> dict[str, int]:
        """How much waits in each queue."""
        return {"panic": len(self._panics), "event": len(self._events), "beat": len(self._words)}

    def take_frame(self, frame: AcceptedEvents) -> None:
        """A panic or event frame was accepted."""
        panic = frame.lane == "panic"
        queue = self._panics if panic else self._events
        for part in _parts(frame, PANICS_AT_ONCE if panic else EVENTS_AT_ONCE):
            dropped = queue.put(frame.gateway, Frame(part, self._clock.mono_ms()))
            self._pipeline.count(f"dropped.{frame.lane}", dropped)

    def take_word(self, word: AcceptedBeat | AcceptedState | AcceptedReply) -> None:
        """A beat, birth, will or reply was accepted. What it says of who is there counts from now."""
        now_ms = self._clock.mono_ms()
        back: Back | None = None
        if isinstance(word, AcceptedReply):
            self._pipeline.count("replies")
            self._replied(word)
            return
        if isinstance(word, AcceptedBeat):
            back = self._liveness.beat(word.gateway, _ms(word.beat.interval_s), now_ms)
        elif not word.state.online:
            self._liveness.will(word.gateway, word.state.connection)
        elif word.retained:
            self._liveness.known_connection(word.gateway, word.state.connection)
        else:
            back = self._liveness.born(
                word.gateway, word.state.connection, _ms(word.state.interval_s), now_ms
            )
        if back is not None:
            log.info("gateway_back gateway=%s", back.gateway)
        self._pipeline.count("dropped.beat", self._words.put(word.gateway, word))

    # Panics and events

    async def commit_panics(self) -> None:
        """Commit each panic frame at once, alone, ahead of all other writes. Runs until cancelled.

        A press that cannot be stored keeps no other from it, and people are told that there is one.
        """
        while True:
            frame = await self._panics.get()
            if await self._commit([frame], "panic"):
                continue
            for part in _parts(frame.accepted, 1):
                if not await self._commit([replace(frame, accepted=part)], "panic"):
                    await self._warn_of_unstored(part)

    async def _warn_of_unstored(self, frame: AcceptedEvents) -> None:
        fingerprint = Fingerprint(frame.site, frame.gateway, frame.gateway, "", "panic_unstored")
        now_ms = self._clock.now_ms()

        def warn(conn: Connection) -> None:
            raise_alarm(
                conn, fingerprint, severity=UNSTORED_SEVERITY, now_ms=now_ms, detail={"seq": frame.first}
            )

        try:
            await self._db.write(warn, urgent=True)
        except (StoreError, SQLAlchemyError) as error:
            log.error("panic_not_warned_of gateway=%s error=%s", frame.gateway, error)

    async def commit_events(self) -> None:
        """Commit the event frames that wait, together. Runs until cancelled."""
        while True:
            frames = await _some(self._events, EVENTS_AT_ONCE, lambda frame: len(frame.accepted.records))
            if not await self._commit(frames, "event") and len(frames) > 1:
                # One of them cannot be stored; it must not keep the others from it.
                for frame in frames:
                    await self._commit([frame], "event")

    async def _commit(self, frames: Sequence[Frame], lane: Lane) -> bool:
        """False where something in the frames cannot be stored. What is not stored has no receipt and comes again."""
        try:
            done = await self._db.write(
                lambda conn: [self._commit_one(conn, frame) for frame in frames], urgent=lane == "panic"
            )
        except StoreError as error:
            log.error("not_committed lane=%s frames=%d error=%s", lane, len(frames), error)
            self._pipeline.count(f"failed.{lane}", len(frames))
            return error.retryable
        except Exception:
            gateways = ",".join(sorted({frame.accepted.gateway for frame in frames}))
            log.exception("not_committed lane=%s frames=%d gateways=%s", lane, len(frames), gateways)
            self._pipeline.count(f"failed.{lane}", len(frames))
            return False
        new: list[StoredEvent] = []
        for frame, committed in zip(frames, done, strict=True):
            self._committed(frame, committed)
            new += committed.new
        if new:
            self._told.stored(new)
        return True

    def _commit_one(self, conn: Connection, frame: Frame) -> Committed:
        return commit_events(
            conn, frame.accepted, now_ms=self._clock.now_ms(), consequences=self._consequences
        )

    def _committed(self, frame: Frame, committed: Committed) -> None:
        accepted = frame.accepted
        key = StreamKey(accepted.gateway, accepted.epoch, accepted.lane)
        self._answers.commit_events(key, committed)
        if committed.new:
            self._pipeline.committed(
                accepted.lane,
                len(committed.new),
                sent_ms=accepted.sent_ms,
                received_mono_ms=frame.received_mono_ms,
            )
        self._pipeline.count(f"duplicates.{accepted.lane}", committed.duplicates + committed.copies)
        self._pipeline.count(f"refused.{accepted.lane}", len(accepted.refused))
        if committed.conflicts:
            self._pipeline.count("conflicts", committed.conflicts)
            log.warning("conflict gateway=%s epoch=%s lane=%s", key.gateway, key.epoch, key.lane)

    # Beats and births

    async def note_words(self) -> None:
        """Put beats and births on record and answer them. Runs until cancelled."""
        while True:
            words = await _some(self._words, WORDS_AT_ONCE, lambda _: 1)
            if not await self._note(words) and len(words) > 1:
                for word in words:
                    await self._note([word])

    async def _note(self, words: Sequence[Word]) -> bool:
        """False where something in the words cannot be stored; the next beat says it again."""
        fresh: dict[StreamKey, Ranges] = {}
        for gateway in dict.fromkeys(word.gateway for word in words if isinstance(word, AcceptedBeat)):
            fresh |= self._fresh.take(WORDS_AT_ONCE, gateway)
        try:
            noted = await self._db.write(self._noting(words, fresh))
        except StoreError as error:
            self._fresh.put_back(fresh)
            log.error("beats_not_noted beats=%d error=%s", len(words), error)
            return error.retryable
        except Exception:
            self._fresh.put_back(fresh)
            log.exception("beats_not_noted beats=%d", len(words))
            self._pipeline.count("failed.beat", len(words))
            return False
        for one in noted:
            self._answers.note(one)
        await self._greet(words)
        for word in words:
            if isinstance(word, AcceptedBeat):
                self._told.account(word)
        return True

    def _noting(
        self, words: Sequence[Word], fresh: Mapping[StreamKey, Ranges]
    ) -> Callable[[Connection], list[Noted]]:
        now_ms = self._clock.now_ms()

        def note(conn: Connection) -> list[Noted]:
            ledger.flush_telemetry(conn, fresh, now_ms=now_ms)
            noted: list[Noted] = []
            for word in words:
                if isinstance(word, AcceptedState):
                    fleet.note_state(conn, word.gateway, word.state, now_ms=now_ms, retained=word.retained)
                    continue
                if fleet.is_old(conn, word.gateway, word.beat):
                    continue
                fleet.note_beat(conn, word.gateway, word.beat, now_ms=now_ms)
                fleet.judge_ring(conn, self._gateways[word.gateway], word.beat, now_ms=now_ms)
                noted += ledger.note_beat(conn, word.gateway, word.beat, now_ms=now_ms)
            return noted

        return note

    async def _greet(self, words: Sequence[Word]) -> None:
        """Hello to who was born just now or asks for the time."""
        for word in words:
            if isinstance(word, AcceptedBeat) and word.beat.ask_time:
                await self.hello(word.gateway, echo_ms=word.beat.mono_ms, echo_boot=word.beat.boot)
            elif isinstance(word, AcceptedState) and word.state.online and not word.retained:
                await self.hello(word.gateway, echo_ms=word.state.mono_ms, echo_boot=word.state.boot)

    async def hello(self, gateway: str, *, echo_ms: int | None = None, echo_boot: str | None = None) -> None:
        """Tell a gateway what the hub has of it. A store that cannot be read leaves it untold; it asks again."""
        try:
            have = await self._db.read(lambda conn: ledger.have(conn, gateway))
        except StoreError as error:
            log.error("no_hello gateway=%s error=%s", gateway, error)
            return
        except Exception:
            log.exception("no_hello gateway=%s", gateway)
            self._pipeline.count("failed.hello")
            return
        self._answers.hello(gateway, have, echo_ms=echo_ms, echo_boot=echo_boot)

    async def greet_all(self) -> None:
        """Hello to every gateway of the registry, as when the hub starts."""
        for gateway in self._gateways:
            await self.hello(gateway)

    # Silence

    def restore(self, rows: Iterable[Any]) -> None:
        """Take up what is on record of the gateways (``hub.fleet.gateways.on_record``), at hub start."""
        for row in rows:
            silent = row.silent_since_ms is not None
            self._liveness.restore(row.gateway, interval_ms=_ms(row.interval_s), silent=silent)
            self._silent_on_record[row.gateway] = silent

    async def watch(self) -> None:
        """Judge who is silent, and put it on record. Runs until cancelled."""
        while True:
            await asyncio.sleep(JUDGE_EVERY_S)
            for silent in self._liveness.judge(self._clock.mono_ms()):
                log.warning("gateway_silent gateway=%s reason=%s", silent.gateway, silent.reason)
            await self.record_silences()

    async def record_silences(self) -> None:
        """Bring the record in line with what is so now; what the store does not take waits for the next time."""
        for gateway, known in self._gateways.items():
            reason = self._liveness.silent(gateway)
            if self._silent_on_record.get(gateway, False) == (reason is not None):
                continue
            try:
                await self._db.write(self._recording(known, reason))
            except (StoreError, SQLAlchemyError) as error:
                log.error("silence_not_recorded gateway=%s error=%s", gateway, error)
                return
            self._silent_on_record[gateway] = reason is not None
            self._told.gateway(gateway)

    def _recording(self, known: Registered, reason: Reason | None) -> Callable[[Connection], None]:
        now_ms = self._clock.now_ms()
        if reason is None:
            return lambda conn: fleet.speak_again(conn, known, now_ms=now_ms)
        age_ms = self._liveness.age_ms(known.gateway, self._clock.mono_ms())
        since_ms = None if age_ms is None else now_ms - age_ms
        return lambda conn: fleet.fall_silent(conn, known, since_ms=since_ms, reason=reason, now_ms=now_ms)


def _parts(frame: AcceptedEvents, most: int) -> Iterator[AcceptedEvents]:
    """The frame as frames of at most so many seqs each."""
    if frame.last - frame.first < most:
        yield frame
        return
    for first in range(frame.first, frame.last + 1, most):
        last = min(first + most - 1, frame.last)
        yield replace(
            frame,
            first=first,
            last=last,
            records=tuple(one for one in frame.records if first <= one.seq <= last),
            refused=tuple(one for one in frame.refused if first <= one.seq <= last),
        )


async def _some(queue: FairQueue[T], most: int, weight: Callable[[T], int]) -> list[T]:
    """What waits in the queue: at least one, and no further one that would begin beyond so much weight."""
    found = [await queue.get()]
    heavy = weight(found[0])
    while heavy < most and len(queue):
        found.append(queue.get_nowait())
        heavy += weight(found[-1])
    return found


def _ms(interval_s: float) -> int:
    return max(1, round(interval_s * 1000))
