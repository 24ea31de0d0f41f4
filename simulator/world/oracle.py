"""Who watches from outside and knows the truth: checks the invariants I1 to I14 of the contract.

The oracle believes no program. It knows what was promised because the world made the records; it reads the hub's
rows by its own SQL, InfluxDB's points as they are stored, and frames and receipts off the wire. For telemetry it
recognises a record by its ``tips``, which never repeats within a gateway.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import apsw
import msgspec

from contract.ranges import Ranges
from simulator.world.trace import Trace

TIME_SLACK_MS = 25
"""What the hub's own clock may be off, and roundings. The contract declares errors against the hub's time."""
TIME_GOOD_MS = 1000

_TIPS = re.compile(rb"(?:^|,)tips=(\d+)i")
_ERROR = re.compile(rb"(?:^|,)time_error_ms=(\d+)i")
_EVENTS = (
    "SELECT id, gateway, epoch, lane, seq, body, event_id, t_ms, error_ms, conflict "
    "FROM events WHERE id > ? ORDER BY id"
)

Key = tuple[str, str, str, int]
"""Gateway, epoch, lane, seq."""


@dataclass(frozen=True)
class Violation:
    """An invariant does not hold."""

    invariant: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.detail}"


@dataclass
class Promise:
    """A record that a gateway has accepted.

    Attributes:
        uid: event id, or ``tips`` as text.
        true_ms: true time when it happened.
        spared: a disaster of the card after which the record may be gone with the card; its name.
    """

    machine: str
    gateway: str
    lane: str
    uid: str
    key: Key
    body: bytes
    device: str
    true_ms: float
    spared: str = ""


@dataclass
class Point:
    """A telemetry record in InfluxDB."""

    stamp: int
    error_ms: int


@dataclass
class Sending:
    """What one connection of a gateway has sent so far."""

    panics: set[str] = field(default_factory=set)


class Oracle:
    """The truth about one world."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.promises: dict[tuple[str, str], Promise] = {}
        self.by_key: dict[Key, list[Promise]] = defaultdict(list)
        self.wire: dict[Key, dict[bytes, tuple[int | None, int | None]]] = defaultdict(dict)
        """For each key the bodies that were ever sent under it, and the time that each was said to have."""
        self.rows: dict[Key, set[bytes]] = defaultdict(set)
        """Panic and event records that the hub has committed."""
        self.points: dict[tuple[str, str], list[Point]] = defaultdict(list)
        self.pages: dict[str, list[int]] = defaultdict(list)
        """What the agency got: by idempotency key, how often the hub had been restored at each message."""
        self._fresh: set[tuple[int, str, str]] = set()
        """Presses that the hub heard of as new: restores so far, gateway, event id."""
        self.refused: dict[tuple[str, str, str], Ranges] = defaultdict(Ranges)
        self.restores = 0
        self.violations: list[Violation] = []
        self.counts: dict[str, int] = defaultdict(int)
        self._noted: dict[tuple[str, str, str], Ranges] = defaultdict(Ranges)
        self._last_row = 0
        self._reread_after = 0
        self._cloned: set[str] = set()
        self._once: set[tuple[str, str]] = set()
        """Events that the hub has ever committed, whatever was restored since."""
        self.twins: set[str] = set()
        """Gateways whose card ran in two boards at once. A receipt names no board, so the lamp of one may show what
        the hub has of the other, until the hub has seen both and sends them to new epochs."""
        self.small_rings: set[str] = set()
        """Gateways whose quotas are too small for the ring's 72 hours, as their beats say."""
        self._left: set[tuple[str, str, str]] = set()
        self._event_ids: frozenset[str] = frozenset()
        self._sent_as: dict[tuple[str, str | bytes], list[Key]] = defaultdict(list)
        self._moved: dict[Key, set[Key]] = defaultdict(set)
        """What a record goes by in the epoch after its own, as beats say: it may be given up before it is ever sent."""

    def fail(self, invariant: str, detail: str) -> None:
        """An invariant is broken. The world goes on to its next stop."""
        violation = Violation(invariant, detail)
        self._trace("VIOLATION", violation)
        self.violations.append(violation)

    # What gateways do

    def promised(self, promise: Promise) -> None:
        """A gateway has committed a record to its card."""
        self.promises[promise.gateway, promise.uid] = promise
        if promise.key[:3] in self._left:
            self.fail("I3", f"{promise.key} is in an epoch that an earlier spool had")
        others = self.by_key[promise.key]
        if others and promise.gateway not in self._cloned:
            self.fail("I3", f"{promise.key} given to {promise.uid} and before to {others[0].uid}")
        others.append(promise)
        self.counts["promised"] += 1

    def disaster(self, machine: str, gateway: str, name: str, *, clone: bool = False) -> None:
        """The card of a machine was damaged or put back to an older state: what only it held may be gone."""
        if clone:
            self._cloned.add(gateway)
        for promise in self.promises.values():
            if promise.machine == machine and not promise.spared:
                promise.spared = name

    def renewed(self, gateway: str) -> None:
        """A gateway has made its spool anew: its epochs must be new too."""
        self._left |= {key[:3] for key in self.by_key if key[0] == gateway}

    def sent(
        self, machine: str, gateway: str, lane: str, payload: bytes, *, sending: Sending, unsettled: set[str]
    ) -> None:
        """A gateway publishes a frame.

        Args:
            sending: of the connection.
            unsettled: event ids of the panics on its card that are not settled.
        """
        frame = msgspec.json.decode(payload)
        epoch, first, base = frame["ep"], frame["first"], frame.get("base")
        waiting = unsettled - sending.panics
        if lane != "panic" and waiting:
            self.fail("I9", f"{machine} sends {lane} while panic {min(waiting)} is unsent")
        if lane == "telemetry":
            for at, row in enumerate(frame["rows"]):
                column = frame["dev"][row[0]]
                body = f"{column[0]}:{dict(zip(column[2], row[2:], strict=True))['tips']}".encode()
                error = next((e for r, e in frame.get("err", ()) if r == at), None)
                self._said((gateway, epoch, lane, first + at), body, base + row[1], error)
            return
        raw = _raw_frame.decode(payload)
        for at, (offset, error, body) in enumerate(raw.ev):
            t_ms = None if base is None else base + offset
            self._said((gateway, epoch, lane, first + at), bytes(body), t_ms, error)
            if lane == "panic":
                sending.panics.add(msgspec.json.decode(body)["id"])

    def _said(self, key: Key, body: bytes, t_ms: int | None, error_ms: int | None) -> None:
        bodies = self.wire[key]
        before = bodies.get(body)
        if before is None:
            self._sent_as[key[0], body].append(key)
        if before is None and bodies and key[0] not in self._cloned:
            self.fail("I3", f"{key} sent with another body")
        changed = before is not None and before[0] is not None and before != (t_ms, error_ms)
        # Two boards that hold copies of one record have each found out the time for themselves.
        if changed and key[0] not in self._cloned:
            self.fail("time", f"{key} first sent as {before}, then as {(t_ms, error_ms)}")
        if before is None or before[0] is None:
            bodies[body] = (t_ms, error_ms)

    def told(self, gateway: str, payload: bytes) -> None:
        """A gateway publishes a beat. Records that moved have dense numbers from 1 in the lane's next epoch."""
        beat = msgspec.json.decode(payload)
        into = {lane: account["ep"] for lane, account in beat["lanes"].items()}
        for lane, epoch, _, moved, _ in reversed(beat.get("closed", ())):
            seqs = (seq for first, last in moved for seq in range(first, last + 1))
            for seq, before in enumerate(seqs, 1):
                self._moved[gateway, epoch, lane, before].add((gateway, into[lane], lane, seq))
            into[lane] = epoch

    # What the hub does

    def committed(self, database: apsw.Connection) -> None:
        """The hub has committed a transaction: read what is new."""
        for row in _rows(database, self._last_row):
            self._last_row = row.id
            self._once.add((row.key[0], row.event_id))
            self.rows[row.key].add(row.body)
            self.counts["rows"] += 1

    def restored(self) -> None:
        """The hub's database was put back: what it held since the backup is no longer committed."""
        self.restores += 1

    def reread(self, database: apsw.Connection) -> None:
        """The hub has opened its database anew: unless it was restored, every committed row must be there."""
        before, self.rows = self.rows, defaultdict(set)
        self._last_row = 0
        self.committed(database)
        if self._reread_after == self.restores:
            for key, bodies in before.items():
                if bodies - self.rows[key]:
                    self.fail("I1", f"the hub had committed {key} and lost it")
        self._reread_after = self.restores

    def stored(self, series: bytes, stamp: int, fields: bytes) -> None:
        """InfluxDB has stored a point."""
        tips = _TIPS.search(fields)
        if tips is None:
            return
        tags = dict(part.split(b"=", 1) for part in series.split(b",")[1:])
        error = _ERROR.search(fields)
        uid = (tags[b"gateway"].decode(), tips.group(1).decode())
        points = self.points[uid]
        if any(point.stamp == stamp for point in points):
            self.counts["rewritten"] += 1
            return
        points.append(Point(stamp, int(error.group(1)) if error else TIME_GOOD_MS))
        if len(points) > 1 and uid[0] not in self._cloned:
            self.fail("I2", f"record {uid} is two points, {[point.stamp for point in points]}")

    def receipt(self, gateway: str, payload: bytes) -> None:
        """The hub gives a receipt."""
        receipt = msgspec.json.decode(payload)
        epoch, lane = receipt.get("ep", "0" * 16), receipt.get("lane", "telemetry")
        for first, last, *_ in receipt.get("refused", ()):
            self.refused[gateway, epoch, lane].add(first, last)
        for first, last in receipt.get("noted", ()):
            self._noted[gateway, epoch, lane].add(first, last)
        for first, last in receipt.get("ranges", ()):
            self.counts["receipts"] += 1
            for seq in range(first, last + 1):
                self._covered((gateway, epoch, lane, seq))

    def _covered(self, key: Key) -> None:
        bodies = self.wire.get(key)
        if not bodies:
            self.fail("I4", f"receipt for {key}, which was never sent")
        elif key[2] == "telemetry":
            if not any((key[0], body.rsplit(b":", 1)[1].decode()) in self.points for body in bodies):
                self.fail("I4", f"receipt for {key}, which InfluxDB has not")
        elif not self.rows.get(key, set()) & bodies.keys():
            self.fail("I4", f"receipt for {key}, which no row holds")

    def heard(self, gateway: str, payload: bytes) -> None:
        """A panic frame has reached the hub."""
        try:
            frame = msgspec.json.decode(payload)
            if not frame.get("again", False):
                self._fresh |= {(self.restores, gateway, event[2]["id"]) for event in frame["ev"]}
        except (msgspec.DecodeError, AttributeError, LookupError, TypeError):
            return

    def paged(self, key: str, gateway: str, event_id: str) -> None:
        """The agency got a message.

        A press that has not had its receipt when the hub is restored looks new to the restored hub, and its
        message goes out once more under the same key: pushes are at least once.
        """
        before = self.pages[key]
        fresh = (self.restores, gateway, event_id) in self._fresh
        if key.startswith("panic/") and before and before[-1] < self.restores and not fresh:
            self.fail("I13", f"{key} went out before the restore and again after it")
        before.append(self.restores)

    def lamp(self, machine: str, gateway: str, shown: int, uids: Iterable[str]) -> None:
        """A button's lamp claims something of the presses of its process.

        Args:
            shown: 1 stored, 2 received.
            uids: presses of that button that were made in this life of the process.
        """
        for uid in uids:
            promise = self.promises.get((gateway, uid))
            if promise is None:
                self.fail("I12", f"{machine} shows {uid} as stored, and it is not")
            elif shown >= 2 and (gateway, uid) not in self._once and gateway not in self.twins:
                self.fail("I12", f"{machine} shows {uid} as received, and it is not")

    # What is true in the end

    def is_committed(self, promise: Promise) -> bool:
        """Whether the hub's stores hold the record, under whatever key."""
        if promise.lane == "telemetry":
            return (promise.gateway, promise.uid) in self.points
        if promise.body in self.rows.get(promise.key, ()):
            return True
        return promise.uid in self._event_ids

    def finish(self, database: apsw.Connection, *, losses: Iterable[tuple[str, str, str, int, int]]) -> None:
        """The world has healed and drained: check all that must be true in the end.

        Args:
            losses: what gateways still declare and the hub has noted: gateway, epoch, lane, first, last.
        """
        rows = list(_rows(database, 0))
        self._event_ids = frozenset(row.event_id for row in rows)
        lost: dict[tuple[str, str, str], Ranges] = defaultdict(Ranges)
        for stream, ranges in (*self._noted.items(), *self.refused.items()):
            lost[stream].update(ranges)
        for gateway, epoch, lane, first, last in losses:
            lost[gateway, epoch, lane].add(first, last)
        self._finish_promises(lost)
        self._finish_rows(rows)
        self._finish_points()
        self._finish_incidents(database)

    def _finish_promises(self, lost: dict[tuple[str, str, str], Ranges]) -> None:
        for promise in self.promises.values():
            if self.is_committed(promise):
                continue
            if any(key[3] in lost[key[:3]] for key in self._keys_of(promise)):
                self.counts["declared lost"] += 1
                if promise.lane == "panic" and not promise.spared and not self._left_a_small_ring(promise):
                    restored = self.restores > 0 and (promise.gateway, promise.uid) in self._once
                    self.fail("I13" if restored else "I6", f"panic {promise.key} was given up")
            elif promise.spared or self._left_a_small_ring(promise) or self._twice_given(promise):
                self.counts["gone with the card"] += 1
            else:
                what = "I13" if self.restores and promise.lane != "telemetry" else "I1"
                self.fail(what, f"{promise.lane} {promise.key} {promise.uid} is nowhere")

    def _left_a_small_ring(self, promise: Promise) -> bool:
        """Whether a restored hub had it once, and the card had no room to keep it for that day."""
        known = (promise.gateway, promise.uid) in self._once
        return self.restores > 0 and known and promise.gateway in self.small_rings

    def _twice_given(self, promise: Promise) -> bool:
        """Whether a restored card gave its number twice, and then a restored hub has only the first bearer.

        What the hub has is told in numbers, so the gateway does not know that the second bearer is missing. It
        takes two restored backups of two machines; the loss is charged to the card.
        """
        return self.restores > 0 and len(self.by_key[promise.key]) > 1

    def _keys_of(self, promise: Promise) -> list[Key]:
        """Every key under which the record was promised, sent, or was to be sent."""
        keys = [promise.key, *self._sent_as.get((promise.gateway, promise.body), ())]
        for key in keys:  # grows meanwhile, by the names of the names
            keys += [name for name in self._moved.get(key, ()) if name not in keys]
        return keys

    def _finish_rows(self, rows: list[_Row]) -> None:
        bodies: dict[Key, set[bytes]] = defaultdict(set)
        for row in rows:
            if row.body in bodies[row.key]:
                self.fail("I2", f"{row.key} has two rows with one body")
            bodies[row.key].add(row.body)
            if len(bodies[row.key]) > 1 and not row.conflict:
                self.fail("I3", f"{row.key} has two bodies and no conflict on record")
            promise = self.promises.get((row.key[0], row.event_id))
            if promise is not None and row.t_ms is not None:
                self._in_time(promise, row.t_ms, row.error_ms)

    def _finish_points(self) -> None:
        for uid, points in self.points.items():
            promise = self.promises.get(uid)
            if promise is not None:
                self._in_time(promise, points[0].stamp // 1_000_000, points[0].error_ms)

    def _in_time(self, promise: Promise, t_ms: int, error_ms: int) -> None:
        self.counts["times"] += 1
        off = abs(t_ms - promise.true_ms)
        if off > error_ms + TIME_SLACK_MS:
            self.fail("I10", f"{promise.lane} {promise.key} is {off:.0f} ms off and declares {error_ms}")

    def _finish_incidents(self, database: apsw.Connection) -> None:
        presses = database.execute(
            "SELECT p.gateway, p.event_id, count(i.id) FROM incident_presses p "
            "LEFT JOIN incidents i ON i.id = p.incident_id GROUP BY p.gateway, p.event_id"
        )
        count = {(gateway, event_id): found for gateway, event_id, found in presses.fetchall()}
        for promise in self.promises.values():
            if promise.lane == "panic" and self.is_committed(promise):
                found = count.get((promise.gateway, promise.uid), 0)
                if found != 1:
                    self.fail("I7", f"panic {promise.uid} is in {found} incidents")
        empty = database.execute(
            "SELECT id FROM incidents WHERE NOT EXISTS "
            "(SELECT 1 FROM incident_presses p WHERE p.incident_id = incidents.id)"
        ).fetchall()
        if empty:
            self.fail("I7", f"incident {empty[0][0]} has no press")


@dataclass(frozen=True)
class _Row:
    """A row of the hub's events."""

    id: int
    key: Key
    body: bytes
    event_id: str
    t_ms: int | None
    error_ms: int
    conflict: bool


def _rows(database: apsw.Connection, above: int) -> list[_Row]:
    found: list[Any] = database.execute(_EVENTS, (above,)).fetchall()
    return [
        _Row(number, (gateway, epoch, lane, seq), bytes(body), event_id, t_ms, error_ms, bool(conflict))
        for number, gateway, epoch, lane, seq, body, event_id, t_ms, error_ms, conflict in found
    ]


class _RawFrame(msgspec.Struct):
    ev: list[tuple[int, int, msgspec.Raw]]


_raw_frame = msgspec.json.Decoder(_RawFrame)
