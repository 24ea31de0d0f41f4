"""What to send next, and what a receipt settles. No network, no clock, no threads: time comes in as an argument.

How the shell drives it::

    match uplink.next(now):
        case Send() as send:
            frame = build(send, spool, gateway=..., mono_ms=now)
            if frame is not None:          # else ask again
                token = uplink.on_sent(send, frame.last_row, len(frame.payload), now)
                publish(frame.payload)     # and on its PUBACK: uplink.on_puback(token, now)
        case Wait(until_ms):               # or until something arrives or is appended
            ...

A *flight* is a run of rows that was sent and has no receipt. It ends when every row of it is settled or lost; until
then it is sent again when it is due. A PUBACK ends nothing: it only makes room on the connection.

=========  ===================  ===========================  ==============================================
lane       goes when            room                         sent again
=========  ===================  ===========================  ==============================================
panic      connected            any free MQTT slot           after 2 s, always
event      no panic to send,    four slots stay free,        after max(2 s, 4 round trips), doubled to 60 s,
           hello heard          the link's window            +-30 %
telemetry  no event to send,    as event, and 32 flights;    as event; not while the hub holds
           flow open            newest block, then backlog
=========  ===================  ===========================  ==============================================
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, Protocol

from contract.messages import Flow, HaveStream, Hello, Incarnation, Range, Receipt, VersionRefusal
from contract.ranges import Ranges
from contract.topics import LANES, Lane
from edge.pace import Pace

log = logging.getLogger(__name__)

MQTT_SLOTS = 20
"""Publishes without a PUBACK that Mosquitto takes by default."""

FREE_SLOTS = 4
"""Slots that only a panic may use."""

MOST_FLIGHTS: dict[Lane, int] = {"panic": 2**31, "event": 64, "telemetry": 32}
"""Frames of a lane that may be without a receipt; then the lane waits, and the next one may go."""

PANIC_FRAME_BYTES = 16 * 1024
PANIC_AGAIN_MS = 2_000
FIRST_AGAIN_MS = 2_000
LAST_AGAIN_MS = 60_000
JITTER = 0.3

NEWEST_BLOCK = 256
"""Rows at the end of the telemetry lane that go before the backlog."""

LIVE_EVERY_MS = 10_000
"""How often the newest sample of each device is sent while the hub holds."""

HOLD_DOUBT_MS = 30_000
"""So long without a word of the hub's flow, a hold is doubted: a word of before may have overtaken the one that ended
it, and a gateway with nothing new to send would wait for ever."""

LIVE_JOIN = 4
"""Newest samples with no more rows than these between them share a frame."""

HELLO_WAIT_MS = 5_000
"""Event and telemetry wait so long for the hub's hello after connecting, then go without."""

HURRY_MS = 2_000
"""When the hub is back, what is overdue goes within so long, not all at once."""

SUSPECT_AFTER = 5
"""A frame that was sent so often, each time overtaken by a frame that got its receipt, the hub cannot decode."""

SUSPECT_AGAIN_MS = 60_000
"""Such a frame goes at most so often, and in halves, until the record that spoils it stands alone."""


class Send(NamedTuple):
    """Rows of a lane to send now, in a frame of about so many bytes at most. The frame may end before last."""

    lane: Lane
    first: int
    last: int
    max_bytes: int
    again: bool = False
    live: bool = False
    flight: int | None = None
    """The flight that this repeats; None for a first sending."""


class Wait(NamedTuple):
    """Nothing to send before until_ms (boot clock), unless something happens; None: only then."""

    until_ms: int | None


class Store(Protocol):
    """What the uplink asks of the spool; edge.spool.Spool says what each means."""

    @property
    def life(self) -> int: ...
    @property
    def inc(self) -> Incarnation | None: ...
    def adopt(self, inc: Incarnation) -> None: ...
    def recall(self, have: Iterable[HaveStream]) -> list[tuple[Lane, str]]: ...
    def pending(self, lane: Lane, low: int, high: int) -> Range | None: ...
    def is_again(self, lane: Lane, row: int) -> bool: ...
    def end(self, lane: Lane) -> int: ...
    def newest(self, above: int) -> list[int]: ...
    def settle(
        self, lane: Lane, epoch: str, ranges: Iterable[Range], *, refused: bool = False
    ) -> list[Range]: ...
    def new_epoch(self, lane: Lane, epoch: str, reason: str) -> bool: ...
    def forget_losses(self, lane: Lane, epoch: str, ranges: Iterable[Range]) -> None: ...
    def forget_closed(self, lane: Lane, epoch: str) -> None: ...


@dataclass(slots=True)
class _Flight:
    number: int
    lane: Lane
    first: int
    last: int
    sent_ms: int = 0
    due_ms: int = 0
    attempts: int = 0
    passed: int = 0
    """Sendings that were overtaken: a frame sent later got its receipt, and this one did not."""
    suspect: bool = False


class Uplink:
    """State of the sending side of one gateway. The spool remembers what must outlive a power cut."""

    def __init__(self, store: Store, random: Random, *, mqtt_slots: int = MQTT_SLOTS) -> None:
        """
        Args:
            store: the spool, open.
            random: for jitter only.
            mqtt_slots: publishes without a PUBACK that the connection allows at once.
        """
        self._store = store
        self._random = random
        self._slots = mqtt_slots
        self._life = store.life
        self._pace = Pace()
        self._numbers = 0
        self._flights: dict[int, _Flight] = {}
        self._flying: dict[Lane, Ranges] = {lane: Ranges() for lane in LANES}
        self._proved_ms: dict[Lane, int] = dict.fromkeys(LANES, -1)
        self._round_trip_ms = 0.0
        self._connected_ms: int | None = None
        self._greeted = False
        self._wants_hello = False
        self._flow: Flow = "open"
        self._flow_heard_ms = 0
        self._quiet_until_ms = 0
        self._refused_version = ""
        self._live: deque[Range] = deque()
        self._live_above = 0
        self._live_due_ms = 0

    @property
    def connected(self) -> bool:
        """Whether there is a connection to send on."""
        return self._connected_ms is not None

    @property
    def reached(self) -> bool:
        """Whether the hub has greeted the connection that stands, and speaks our version."""
        return self.connected and self._greeted and not self._refused_version

    @property
    def flow(self) -> Flow:
        """What the hub said last of its flow."""
        return self._flow

    @property
    def undecodable(self) -> int:
        """Frames that stay without a receipt though others get theirs; for the beat."""
        return sum(flight.suspect for flight in self._flights.values())

    @property
    def wants_hello(self) -> bool:
        """Ask in the beat: a life of the hub that has not said hello sent a receipt, no hello came at all, or a hold
        is doubted."""
        return self._wants_hello

    @property
    def refused_version(self) -> str:
        """The hub's words when it does not speak our version; empty when it does."""
        return self._refused_version

    # The connection.

    def on_connected(self, now_ms: int) -> None:
        """A connection is up. Nothing that was sent before is on its way any more (clean start)."""
        self._forget_connection()
        self._connected_ms = now_ms
        self._greeted = False

    def on_disconnected(self, now_ms: int) -> None:
        """The connection is gone. What has no receipt is to be sent anew."""
        self._forget_connection()
        self._connected_ms = None

    def _forget_connection(self) -> None:
        self._pace.clear()
        self._live.clear()
        for flight in list(self._flights.values()):
            if not flight.suspect:  # those keep their minute
                self._drop(flight)

    # What the hub says.

    def on_hello(self, hello: Hello, now_ms: int) -> bool:
        """Take a hello; False if it was ignored (a lower generation): its time is not to be used either."""
        self._notice_new_life()
        inc = self._store.inc
        if inc is not None and hello.inc[0] < inc[0]:
            return False
        if hello.inc != inc:
            self._store.adopt(hello.inc)
            for flight in list(self._flights.values()):
                self._drop(flight)
            log.info("uplink.new_hub_life inc=%s", hello.inc)
        elif hello.echo_ms is None:
            self._hurry(now_ms, LANES)
        self._greeted, self._wants_hello = True, False
        self._refused_version, self._quiet_until_ms = "", 0
        for lane, epoch in self._store.recall(hello.have):
            self._leave_epoch(lane, epoch, "copied card")
        self._set_flow(hello.flow, now_ms)
        return True

    def on_receipt(self, receipt: Receipt, now_ms: int) -> None:
        """Take a receipt. One of another life of the hub than the one that said hello means nothing."""
        self._notice_new_life()
        inc = self._store.inc
        if receipt.inc != inc:
            self._wants_hello = self._wants_hello or inc is None or receipt.inc[0] >= inc[0]
            return
        lane, epoch = receipt.lane, receipt.epoch
        settled = self._store.settle(lane, epoch, receipt.ranges)
        for refusal in receipt.refused:
            settled += self._store.settle(lane, epoch, [(refusal.first, refusal.last)], refused=True)
            log.error(
                "uplink.refused lane=%s first=%d last=%d reason=%s",
                lane,
                refusal.first,
                refusal.last,
                refusal.reason,
            )
        self._land(lane, settled, now_ms)
        if receipt.noted:
            self._store.forget_losses(lane, epoch, receipt.noted)
        if receipt.closed:
            self._store.forget_closed(lane, epoch)
        if receipt.new_epoch:
            self._leave_epoch(lane, epoch, "conflict")
        self._set_flow(receipt.flow, now_ms)

    def on_version_refusal(self, refusal: VersionRefusal, now_ms: int) -> None:
        """The hub does not speak our version: everything goes at most once a minute until it says hello again."""
        self._refused_version = f"{refusal.refused_version}: {refusal.hint}"
        self._quiet_until_ms = now_ms + SUSPECT_AGAIN_MS
        for flight in self._flights.values():
            flight.due_ms = max(flight.due_ms, self._quiet_until_ms)

    def _set_flow(self, flow: Flow, now_ms: int) -> None:
        self._flow_heard_ms = now_ms
        if flow == self._flow:
            return
        self._flow = flow
        self._live.clear()
        self._live_due_ms = now_ms
        if flow == "open":
            self._hurry(now_ms, ("telemetry",), overdue_only=True)
        log.info("uplink.flow flow=%s", flow)

    def _leave_epoch(self, lane: Lane, epoch: str, reason: str) -> None:
        if self._store.new_epoch(lane, epoch, reason):
            # What is on its way carries the old name; its receipt will mean nothing.
            for flight in [flight for flight in self._flights.values() if flight.lane == lane]:
                self._drop(flight)

    def _hurry(self, now_ms: int, lanes: tuple[Lane, ...], *, overdue_only: bool = False) -> None:
        for flight in self._flights.values():
            if flight.lane in lanes and (flight.due_ms <= now_ms or not overdue_only):
                spread = 0 if flight.lane == "panic" else self._random.uniform(0, HURRY_MS)
                flight.due_ms = now_ms + int(spread)
                flight.attempts = min(flight.attempts, 1)

    # Flights.

    def _notice_new_life(self) -> None:
        """The spool was made anew: row numbers of before mean nothing."""
        if self._store.life != self._life:
            self._life = self._store.life
            self._flights.clear()
            self._flying = {lane: Ranges() for lane in LANES}
            self._live.clear()
            self._live_above = 0

    def _drop(self, flight: _Flight) -> None:
        del self._flights[flight.number]
        self._flying[flight.lane].remove(flight.first, flight.last)

    def _land(self, lane: Lane, settled: list[Range], now_ms: int) -> None:
        """End the flights that have nothing left to be settled, and learn the round trip from them."""
        if not settled:
            return
        rows = Ranges(settled)
        for flight in [flight for flight in self._flights.values() if flight.lane == lane]:
            if rows.first_overlap(flight.first, flight.last) is None:
                continue
            if self._store.pending(lane, flight.first, flight.last) is None:
                self._drop(flight)
                self._proved_ms[lane] = max(self._proved_ms[lane], flight.sent_ms)
                if flight.attempts == 1:  # of a repeated frame nobody knows which sending was answered
                    trip = now_ms - flight.sent_ms
                    self._round_trip_ms += (trip - self._round_trip_ms) / (8 if self._round_trip_ms else 1)

    def _again_ms(self, flight: _Flight) -> int:
        """How long to wait for a receipt before sending again."""
        if flight.suspect:
            return int(SUSPECT_AGAIN_MS * self._random.uniform(1, 1 + JITTER))
        if flight.lane == "panic":
            return PANIC_AGAIN_MS
        timeout = max(FIRST_AGAIN_MS, 4 * self._round_trip_ms) * 2 ** min(flight.attempts - 1, 10)
        return int(min(LAST_AGAIN_MS, timeout) * self._random.uniform(1 - JITTER, 1 + JITTER))

    # What to send.

    def next(self, now_ms: int) -> Send | Wait:
        """The next thing to send, or until when to wait. Asking changes nothing that matters; `on_sent` does."""
        self._notice_new_life()
        if self._connected_ms is None:
            return Wait(None)
        if not self._greeted and now_ms >= self._connected_ms + HELLO_WAIT_MS:
            self._wants_hello = True
        if self._flow == "hold" and now_ms >= self._flow_heard_ms + HOLD_DOUBT_MS:
            self._wants_hello = True
        for lane in LANES:
            if not self._may_speak(lane, now_ms):
                continue
            send = self._candidate(lane, now_ms)
            if send is not None:
                # Without room nothing of a lower lane goes either; a PUBACK makes room.
                return send if self._has_room(lane) else Wait(None)
        return Wait(min((at for at in self._alarms(now_ms) if at > now_ms), default=None))

    def _may_speak(self, lane: Lane, now_ms: int) -> bool:
        if lane == "panic":
            return True
        if now_ms < self._quiet_until_ms:
            return False
        return self._greeted or now_ms >= (self._connected_ms or 0) + HELLO_WAIT_MS

    def _has_room(self, lane: Lane) -> bool:
        if lane == "panic":
            return self._pace.in_flight < self._slots
        return self._pace.in_flight < self._slots - FREE_SLOTS and self._pace.has_room

    def _alarms(self, now_ms: int) -> Iterator[int]:
        """Times at which something may be to do that is not now."""
        if not self._greeted:
            yield (self._connected_ms or 0) + HELLO_WAIT_MS
        yield self._quiet_until_ms
        if self._flow == "hold":
            yield self._live_due_ms
        for flight in self._flights.values():
            if self._flow == "open" or flight.lane != "telemetry":
                yield flight.due_ms

    def _candidate(self, lane: Lane, now_ms: int) -> Send | None:
        if lane != "telemetry":
            return self._due(lane, now_ms) or self._fresh(lane, 1, self._store.end(lane) - 1)
        if self._flow == "hold":
            return self._newest_samples(now_ms)
        last = self._store.end(lane) - 1
        block = max(1, last - NEWEST_BLOCK + 1)
        return self._fresh(lane, block, last) or self._due(lane, now_ms) or self._fresh(lane, 1, block - 1)

    def _fresh(self, lane: Lane, low: int, high: int) -> Send | None:
        """The lowest rows in low..high that are to be sent and not on their way."""
        flights = sum(flight.lane == lane and not flight.suspect for flight in self._flights.values())
        if flights >= MOST_FLIGHTS[lane]:
            return None
        while (found := self._store.pending(lane, low, high)) is not None:
            rows = self._flying[lane].first_gap(*found)
            if rows is not None:
                return Send(
                    lane, rows[0], rows[1], self._frame_bytes(lane), again=self._store.is_again(lane, rows[0])
                )
            low = found[1] + 1
        return None

    def _due(self, lane: Lane, now_ms: int) -> Send | None:
        """A flight whose receipt is overdue; one that has nothing left to settle just ends."""
        for flight in list(self._flights.values()):
            if flight.lane != lane or flight.due_ms > now_ms:
                continue
            found = self._store.pending(lane, flight.first, flight.last)
            if found is None:
                self._drop(flight)
                continue
            if self._found_suspect(flight, now_ms):
                continue
            last = found[1] if not flight.suspect else (found[0] + found[1]) // 2
            return Send(
                lane,
                found[0],
                last,
                self._frame_bytes(lane),
                again=self._store.is_again(lane, found[0]),
                flight=flight.number,
            )
        return None

    def _overtaken(self, flight: _Flight) -> bool:
        """Whether what was sent after it has a receipt. A sending into a dead link says nothing of the frame."""
        return self._proved_ms[flight.lane] >= flight.sent_ms

    def _found_suspect(self, flight: _Flight, now_ms: int) -> bool:
        """Whether a flight turns out now to be one that the hub cannot decode, and has to wait for its minute."""
        if flight.suspect or flight.passed + self._overtaken(flight) < SUSPECT_AFTER:
            return False
        flight.suspect = True
        flight.due_ms = max(now_ms + 1, flight.sent_ms + self._again_ms(flight))
        log.error(
            "uplink.undecodable lane=%s first_row=%d last_row=%d", flight.lane, flight.first, flight.last
        )
        return True

    def _newest_samples(self, now_ms: int) -> Send | None:
        """While the hub holds: the newest sample of each device, in as few frames as they fit."""
        if not self._live and now_ms >= self._live_due_ms:
            self._live_due_ms = now_ms + LIVE_EVERY_MS
            rows = self._store.newest(self._live_above)
            self._live.extend(_joined(rows))
            self._live_above = rows[-1] if rows else self._live_above
        while self._live:
            first, last = self._live[0]
            if self._store.pending("telemetry", first, last) is not None:
                return Send("telemetry", first, last, self._frame_bytes("telemetry"), live=True)
            self._live.popleft()
        return None

    def _frame_bytes(self, lane: Lane) -> int:
        return PANIC_FRAME_BYTES if lane == "panic" else self._pace.frame_bytes

    def on_sent(self, send: Send, last_row: int, n_bytes: int, now_ms: int) -> int:
        """The frame has been handed to the connection; the token names it in on_puback.

        Args:
            last_row: the last row that it took; the others are sent in a frame of their own.
        """
        self._numbers += 1
        token = self._numbers
        self._pace.on_sent(token, n_bytes, now_ms)
        if send.live:
            self._live.popleft()
            if last_row < send.last:
                self._live.appendleft((last_row + 1, send.last))
            return token
        flight = self._flights.get(send.flight) if send.flight is not None else None
        if flight is None:
            flight = self._begin(send.lane, send.first, last_row)
        else:
            self._shorten(flight, send.first, last_row, now_ms)
        if flight.attempts:
            flight.passed += self._overtaken(flight)
        flight.attempts += 1
        flight.sent_ms = now_ms
        flight.due_ms = max(now_ms + self._again_ms(flight), self._quiet_until_ms)
        return token

    def _begin(self, lane: Lane, first: int, last: int) -> _Flight:
        self._numbers += 1
        flight = self._flights[self._numbers] = _Flight(self._numbers, lane, first, last)
        self._flying[lane].add(first, last)
        return flight

    def _shorten(self, flight: _Flight, first: int, last: int, now_ms: int) -> None:
        """A repeated flight is cut as its frame was; its rest goes as if it was never sent, but a suspect stays one."""
        rest = flight.last
        if flight.first < first:
            self._flying[flight.lane].remove(flight.first, first - 1)
        if last < rest:
            self._flying[flight.lane].remove(last + 1, rest)
        flight.first, flight.last = first, last
        if last < rest and flight.suspect:
            other = self._begin(flight.lane, last + 1, rest)
            other.attempts, other.passed, other.suspect = flight.attempts, flight.passed, True
            other.sent_ms, other.due_ms = flight.sent_ms, now_ms

    def on_puback(self, token: int, now_ms: int) -> None:
        """The broker has the frame: flow control, never proof."""
        self._pace.on_puback(token, now_ms)


def _joined(rows: list[int]) -> Iterator[Range]:
    """Rows as ranges that close small gaps."""
    first = last = 0
    for row in rows:
        if last and row - last > LIVE_JOIN:
            yield first, last
            first = row
        elif not last:
            first = row
        last = row
    if last:
        yield first, last
