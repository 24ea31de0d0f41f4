"""How much a gateway may send in each lane. Pure: the clock is passed in.

A bucket for each topic: it fills at the lane's rate up to ten seconds of it, and each message takes its bytes. What
finds no room is not looked at: it has no receipt and comes again. It is judged by the topic alone, which the broker
binds to the certificate, so a flood costs the hub no decoding.

The rates are above what a gateway that keeps the contract can need, because its flights without a receipt are counted:
it drains as fast as the hub commits and no faster (docs/decisions/0085).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from contract.errors import TopicError
from contract.topics import LANES, parse

Kind = Literal["panic", "event", "telemetry", "word"]
"""A lane, or ``word``: beats, births and replies, each of which has a bucket of its own."""

BURST_S = 10
"""So many seconds of its rate may come at once. At the least rate it is one frame of the largest size."""

LEAST_BYTES = 1_000
"""A smaller message takes as much: it costs the hub nearly as much."""

OPEN_SHARE = 0.5
"""A gateway that was told to hold may send again when its bucket is so full."""

PERSISTS_MS = 10_000
"""Who goes on for so long beyond the quota floods; a moment more is nobody's alarm."""

QUIET_MS = 60_000
"""A flood is over when nothing was refused for so long."""


@dataclass(frozen=True)
class Rates:
    """Bytes a second that one gateway may send, lane by lane."""

    panic: int = 64_000
    event: int = 2_000_000
    telemetry: int = 12_000_000
    word: int = 64_000


@dataclass(frozen=True, slots=True)
class Flood:
    """A gateway that sends more than it may.

    Attributes:
        since_ms, last_ms: monotonic; the first and the last message that found no room.
        refused: messages that found none.
    """

    gateway: str
    kind: Kind
    since_ms: int
    last_ms: int
    refused: int

    @property
    def persists(self) -> bool:
        """Whether it lasts long enough for people to know."""
        return self.last_ms - self.since_ms >= PERSISTS_MS


class _Bucket:
    """Room in bytes, and how often there was none."""

    __slots__ = ("at_ms", "last_ms", "most", "per_ms", "refused", "room", "since_ms")

    def __init__(self, bytes_per_s: int, now_ms: int) -> None:
        self.per_ms = bytes_per_s / 1000
        self.most = self.room = float(bytes_per_s * BURST_S)
        self.at_ms = now_ms
        self.refused = 0
        self.since_ms = self.last_ms = now_ms

    def fill(self, now_ms: int) -> None:
        self.room = min(self.most, self.room + (now_ms - self.at_ms) * self.per_ms)
        self.at_ms = now_ms

    def refuse(self, now_ms: int) -> None:
        if self.refused == 0:
            self.since_ms = now_ms
        self.refused += 1
        self.last_ms = now_ms


class Quotas:
    """Every gateway's room in every lane.

    Args:
        rates: of each gateway.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._buckets: dict[str, _Bucket] = {}

    def admits(self, topic: str, n_bytes: int, now_ms: int) -> bool:
        """Whether there is room for a message, and take it."""
        bucket = self._buckets.get(topic)
        if bucket is None:
            bucket = self._buckets[topic] = _Bucket(getattr(self._rates, _kind(topic)), now_ms)
        if now_ms != bucket.at_ms:
            bucket.fill(now_ms)
        weight = n_bytes if n_bytes > LEAST_BYTES else LEAST_BYTES
        if weight > bucket.room:
            bucket.refuse(now_ms)
            return False
        bucket.room -= weight
        return True

    def has_room(self, topic: str, now_ms: int) -> bool:
        """Whether who was told to hold may go on; so may who has sent nothing there."""
        bucket = self._buckets.get(topic)
        if bucket is None:
            return True
        bucket.fill(now_ms)
        return bucket.room >= bucket.most * OPEN_SHARE

    def floods(self, now_ms: int) -> Iterator[Flood]:
        """Who sends more than it may; what has been quiet for a minute is forgotten."""
        for topic, bucket in self._buckets.items():
            if bucket.refused and now_ms - bucket.last_ms >= QUIET_MS:
                bucket.refused = 0
            if not bucket.refused:
                continue
            try:
                gateway = parse(topic).gateway
            except TopicError:
                continue
            yield Flood(gateway, _kind(topic), bucket.since_ms, bucket.last_ms, bucket.refused)


def _kind(topic: str) -> Kind:
    leaf = topic[topic.rfind("/") + 1 :]
    return leaf if leaf in LANES else "word"
