"""What the hub answers: receipts after the commit, and hello. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from contract.messages import Flow, HaveStream, Hello, Incarnation, Range, Receipt, Refusal
from contract.ranges import Ranges
from hub.ingest.events import Committed
from hub.ingest.ledger import Noted, StreamKey

RANGES_AT_ONCE = 300
"""Ranges of each sort in one receipt, so that it fits a frame."""


@dataclass(slots=True)
class _Pending:
    ranges: Ranges = field(default_factory=Ranges)
    noted: dict[Range, None] = field(
        default_factory=dict
    )  # as the gateway said them: it forgets them one by one
    refused: dict[tuple[int, int], str] = field(default_factory=dict)
    closed: bool = False
    new_epoch: bool = False


class Receipts:
    """Gathers what was committed of each stream until it is taken, so that one receipt answers many frames.

    Only what is committed may be put in.
    """

    def __init__(self, inc: Incarnation) -> None:
        self._inc = inc
        self._pending: dict[StreamKey, _Pending] = {}

    def __bool__(self) -> bool:
        return bool(self._pending)

    def commit(
        self,
        key: StreamKey,
        ranges: Iterable[Range],
        refused: Iterable[tuple[int, int, str]] = (),
        *,
        new_epoch: bool = False,
    ) -> None:
        """Records are committed, others are dead-lettered."""
        pending = self._of(key)
        for first, last in ranges:
            pending.ranges.add(first, last)
        for first, last, reason in refused:
            pending.refused[first, last] = reason
        pending.new_epoch |= new_epoch

    def commit_events(self, key: StreamKey, committed: Committed) -> None:
        """A panic or event frame is committed."""
        self.commit(key, committed.ranges, committed.refused, new_epoch=committed.new_epoch)

    def note(self, noted: Noted) -> None:
        """What a beat said is on record."""
        pending = self._of(noted.key)
        pending.noted.update(dict.fromkeys(noted.ranges))
        pending.closed |= noted.closed
        pending.new_epoch |= noted.new_epoch

    def _of(self, key: StreamKey) -> _Pending:
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = _Pending()
        return pending

    def take(self, flow: Flow) -> Iterator[tuple[StreamKey, Receipt]]:
        """Every receipt that is due, panics first; nothing is due afterwards."""
        pending, self._pending = self._pending, {}
        for key in sorted(pending, key=lambda key: _ORDER[key.lane]):
            yield from self._receipts(key, pending[key], flow)

    def _receipts(self, key: StreamKey, pending: _Pending, flow: Flow) -> Iterator[tuple[StreamKey, Receipt]]:
        ranges, noted = pending.ranges.pairs(), tuple(pending.noted)
        refused = tuple(Refusal(first, last, reason) for (first, last), reason in pending.refused.items())
        longest = max(len(ranges), len(noted), len(refused), 1)
        for start in range(0, longest, RANGES_AT_ONCE):
            end = start + RANGES_AT_ONCE
            yield (
                key,
                Receipt(
                    inc=self._inc,
                    epoch=key.epoch,
                    lane=key.lane,
                    ranges=ranges[start:end],
                    refused=refused[start:end],
                    noted=noted[start:end],
                    closed=pending.closed and end >= longest,
                    flow=flow,
                    new_epoch=pending.new_epoch,
                ),
            )


_ORDER = {"panic": 0, "event": 1, "telemetry": 2}


def flow_receipt(inc: Incarnation, flow: Flow) -> Receipt:
    """A receipt that says nothing but the flow."""
    return Receipt(inc=inc, flow=flow)


def hello(
    inc: Incarnation,
    have: tuple[HaveStream, ...],
    *,
    flow: Flow,
    hub_ms: int,
    echo_ms: int | None = None,
    echo_boot: str | None = None,
) -> Hello:
    """What a gateway is told at its birth, when it asks for the time, and when the hub starts.

    Args:
        echo_ms, echo_boot: boot clock and boot of the message that this answers; None where it answers none.
    """
    return Hello(inc=inc, have=have, flow=flow, hub_ms=hub_ms, echo_ms=echo_ms, echo_boot=echo_boot)
