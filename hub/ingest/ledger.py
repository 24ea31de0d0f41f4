"""The ledger: for each stream which records the hub has, has refused, and knows to be lost or moved.

The gateway's account (its beat) is authoritative for what it accepted; this is a cache of it beside what the hub
itself has committed. Panic and event ranges change in the transaction that stores the records. Telemetry ranges
are kept in memory (``hub.ingest.telemetry``) and flushed here, so after a crash the last of them are missing and the
gateway's account stands in for them (``accounted``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import Connection, Row, bindparam, select

from contract.messages import Beat, ClosedEpoch, HaveStream, Range
from contract.ranges import Ranges
from contract.topics import Lane
from hub.db import upsert
from hub.ingest.tables import losses, streams

TAIL_UNKNOWN = "quarantine, tail unknown"
"""Reason of what a closed epoch has lost."""

HAVE_STREAMS = 32
HAVE_RANGES = 1500
"""Bounds of ``have`` in a hello, which must fit a frame. What is left out is sent again and found to be there."""

_pairs = msgspec.json.Decoder(list[tuple[int, int]])


# Built once: to build a statement costs several times what SQLite needs to run it.
_STREAM = select(streams).where(
    streams.c.gateway == bindparam("gateway"),
    streams.c.epoch == bindparam("epoch"),
    streams.c.lane == bindparam("lane"),
)
_OTHER_EPOCHS = select(streams.c.epoch).where(
    streams.c.gateway == bindparam("gateway"),
    streams.c.lane == bindparam("lane"),
    streams.c.epoch != bindparam("epoch"),
    streams.c.closed.is_(False),
)
_HAVE = (
    select(streams)
    .where(streams.c.gateway == bindparam("gateway"), streams.c.lane != "telemetry")
    .order_by(streams.c.first_ms.desc(), streams.c.epoch, streams.c.lane)
    .limit(HAVE_STREAMS)
)


class StreamKey(NamedTuple):
    """What names a stream."""

    gateway: str
    epoch: str
    lane: Lane


@dataclass(slots=True)
class Account:
    """What is known of one stream.

    Attributes:
        committed: in the hub's stores.
        refused: dead-lettered.
        lost: declared lost by the gateway, or by the end of the epoch.
        moved: go on under new numbers in a later epoch.
        accounted: settled as the gateway says, without a commit on record here.
        next_seq: highest next number that the gateway has said.
        closed: the gateway has left the epoch.
    """

    committed: Ranges = field(default_factory=Ranges)
    refused: Ranges = field(default_factory=Ranges)
    lost: Ranges = field(default_factory=Ranges)
    moved: Ranges = field(default_factory=Ranges)
    accounted: Ranges = field(default_factory=Ranges)
    next_seq: int = 1
    closed: bool = False
    first_ms: int = 0

    def commit(self, ranges: Iterable[Range]) -> None:
        """These are in the stores, whatever was said of them before."""
        for first, last in ranges:
            self.committed.add(first, last)
            self.lost.remove(first, last)
            self.accounted.remove(first, last)

    def lose(self, first: int, last: int) -> None:
        """The gateway no longer has these; those that the hub has are not lost."""
        for gap in self._settled().missing(first, last):
            self.lost.add(*gap)

    def close(self, next_seq: int, moved: Iterable[Range]) -> list[Range]:
        """The epoch is over; return what is lost with it."""
        self.closed = True
        self.next_seq = max(self.next_seq, next_seq)
        self.moved.update(moved)
        gone = self.known().missing(1, self.next_seq - 1)
        self.lost.update(gone)
        return gone

    def say_settled(self, floor: int, settled: Iterable[Range]) -> None:
        """Take the gateway's word for what it has settled and this ledger does not know."""
        known = self.known()
        for first, last in ((1, floor - 1), *settled):
            self.accounted.update(known.missing(first, last))

    def _settled(self) -> Ranges:
        ranges = self.committed.copy()
        ranges.update(self.refused)
        return ranges

    def known(self) -> Ranges:
        """Every number whose fate is known."""
        ranges = self._settled()
        for other in (self.lost, self.moved, self.accounted):
            ranges.update(other)
        return ranges


def read(conn: Connection, key: StreamKey) -> Account:
    """The account of a stream; empty for one that was never heard of."""
    row = conn.execute(_STREAM, key._asdict()).one_or_none()
    return Account() if row is None else _account(row)


def write(conn: Connection, key: StreamKey, account: Account, *, now_ms: int) -> None:
    """Store the account of a stream."""
    values = {
        "gateway": key.gateway,
        "epoch": key.epoch,
        "lane": key.lane,
        "committed": _json(account.committed),
        "refused": _json(account.refused),
        "lost": _json(account.lost),
        "moved": _json(account.moved),
        "accounted": _json(account.accounted),
        "next_seq": account.next_seq,
        "closed": account.closed,
        "first_ms": account.first_ms or now_ms,
        "last_ms": now_ms,
    }
    upsert(conn, streams, values, key=["gateway", "epoch", "lane"])


def note_frame(
    conn: Connection,
    key: StreamKey,
    *,
    committed: Iterable[Range] = (),
    refused: Iterable[Range] = (),
    now_ms: int,
) -> None:
    """Records of a frame are committed or dead-lettered in this transaction."""
    account = read(conn, key)
    account.commit(committed)
    for first, last in refused:
        account.refused.add(first, last)
        account.lost.remove(first, last)
    write(conn, key, account, now_ms=now_ms)


@dataclass(frozen=True, slots=True)
class Noted:
    """What a beat said of one stream and the hub has now on record.

    Attributes:
        ranges: lost ranges that the gateway may forget.
        closed: the gateway may forget the epoch.
        new_epoch: the gateway's next number is below one that it has said before: its card was put back from an
            older copy and gives numbers twice. It is to move to a new epoch.
    """

    key: StreamKey
    ranges: tuple[Range, ...]
    closed: bool
    new_epoch: bool = False


def note_beat(conn: Connection, gateway: str, beat: Beat, *, now_ms: int) -> list[Noted]:
    """Record what a beat says: next numbers, losses, closed epochs. Idempotent.

    Beats are to come in the order in which they were sent (fleet.gateways.is_old tells which do not).
    Flush the telemetry ranges in the same transaction before it, so that the gateway's word stands only for what
    the hub truly does not know.
    """
    book = _Book(conn, gateway, now_ms)
    noted: dict[StreamKey, list[Range]] = {}
    closed: set[StreamKey] = set()
    put_back: set[StreamKey] = set()
    for loss in beat.lost:
        key = StreamKey(gateway, loss.epoch, loss.lane)
        book.account(key).lose(loss.first, loss.last)
        book.lose(key, (loss.first, loss.last), loss.from_ms, loss.to_ms, loss.reason)
        noted.setdefault(key, []).append((loss.first, loss.last))
    for old in beat.closed:
        key = StreamKey(gateway, old.epoch, old.lane)
        book.close(key, old)
        noted.setdefault(key, [])
        closed.add(key)
    for lane, said in beat.lanes.items():
        key = StreamKey(gateway, said.epoch, lane)
        account = book.account(key)
        if said.next < account.next_seq and not account.closed:
            put_back.add(key)
            noted.setdefault(key, [])
        account.next_seq = max(account.next_seq, said.next)
        if lane == "telemetry":
            account.say_settled(said.floor, said.settled)
        if not account.closed:
            book.close_others(key)
    book.save()
    return [Noted(key, tuple(ranges), key in closed, key in put_back) for key, ranges in noted.items()]


class _Book:
    """The accounts that one beat touches, each read once and written once."""

    def __init__(self, conn: Connection, gateway: str, now_ms: int) -> None:
        self._conn = conn
        self._gateway = gateway
        self._now_ms = now_ms
        self._accounts: dict[StreamKey, Account] = {}

    def account(self, key: StreamKey) -> Account:
        if key not in self._accounts:
            self._accounts[key] = read(self._conn, key)
        return self._accounts[key]

    def lose(self, key: StreamKey, lost: Range, from_ms: int | None, to_ms: int | None, reason: str) -> None:
        values = {
            **key._asdict(),
            "first": lost[0],
            "last": lost[1],
            "from_ms": from_ms,
            "to_ms": to_ms,
            "reason": reason,
            "noted_ms": self._now_ms,
        }
        upsert(self._conn, losses, values, key=["gateway", "epoch", "lane", "first"])

    def close(self, key: StreamKey, old: ClosedEpoch) -> None:
        for gone in self.account(key).close(old.next, old.moved):
            self.lose(key, gone, None, None, TAIL_UNKNOWN)

    def close_others(self, key: StreamKey) -> None:
        """A lane has one epoch at a time: those that it had before are over, though nobody has said so.

        That is a card that was replaced or destroyed. What is late and still comes is committed all the same.
        """
        for epoch in self._conn.execute(_OTHER_EPOCHS, key._asdict()).scalars().all():
            other = StreamKey(self._gateway, epoch, key.lane)
            if not self.account(other).closed:
                for gone in self.account(other).close(1, ()):
                    self.lose(other, gone, None, None, TAIL_UNKNOWN)

    def save(self) -> None:
        for key, account in self._accounts.items():
            write(self._conn, key, account, now_ms=self._now_ms)


def have(conn: Connection, gateway: str) -> tuple[HaveStream, ...]:
    """What the hub has of the gateway's panic and event streams, newest epochs first, for its hello."""
    said = []
    room = HAVE_RANGES
    for row in conn.execute(_HAVE, {"gateway": gateway}):
        account = _account(row)
        ranges = account.committed
        ranges.update(account.refused)
        ranges.update(account.lost)
        pairs = ranges.pairs()[:room]
        room -= len(pairs)
        if pairs:
            said.append(HaveStream(row.lane, row.epoch, pairs))
    return tuple(said)


@dataclass(slots=True)
class Line:
    """One gateway's records in numbers. ``on_way`` are accepted and neither here nor refused nor lost."""

    accepted: int = 0
    committed: int = 0
    on_way: int = 0
    refused: int = 0
    lost: int = 0

    def add(self, account: Account) -> None:
        """Count a stream. A record that moved is counted in the epoch that it moved to."""
        known = account.known()
        top = max(account.next_seq - 1, known.top)
        here = account.committed.copy()
        here.update(account.accounted)
        self.accepted += top - account.moved.count
        self.committed += here.count
        self.on_way += top - known.count
        self.refused += account.refused.count
        self.lost += account.lost.count


def lines(conn: Connection) -> dict[str, dict[str, Line]]:
    """For each gateway and lane its line."""
    found: dict[str, dict[str, Line]] = {}
    for row in conn.execute(select(streams)):
        found.setdefault(row.gateway, {}).setdefault(row.lane, Line()).add(_account(row))
    return found


def total(found: Iterable[Line]) -> Line:
    """Several lines in one."""
    whole = Line()
    for line in found:
        whole.accepted += line.accepted
        whole.committed += line.committed
        whole.on_way += line.on_way
        whole.refused += line.refused
        whole.lost += line.lost
    return whole


def flush_telemetry(conn: Connection, committed: Mapping[StreamKey, Iterable[Range]], *, now_ms: int) -> None:
    """Store telemetry ranges that are in InfluxDB. Idempotent; ranges only grow."""
    for key, ranges in committed.items():
        note_frame(conn, key, committed=ranges, now_ms=now_ms)


def _account(row: Row[Any]) -> Account:
    return Account(
        Ranges(_pairs.decode(row.committed)),
        Ranges(_pairs.decode(row.refused)),
        Ranges(_pairs.decode(row.lost)),
        Ranges(_pairs.decode(row.moved)),
        Ranges(_pairs.decode(row.accounted)),
        row.next_seq,
        row.closed,
        row.first_ms,
    )


def _json(ranges: Ranges) -> str:
    return msgspec.json.encode(cast(Any, ranges.pairs())).decode()
