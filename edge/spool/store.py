"""The spool itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from contract.messages import ClosedEpoch, HaveStream, Incarnation, LaneAccount, Loss, Range
from contract.topics import Lane
from edge.clock import random_hex as system_random_hex
from edge.spool.records import Appended, Opening, OverduePanic, Quotas, Run, Sample, Usage
from edge.sqlite import Card
from edge.timeline import Source, Stamp, Sync, Timeline


class Spool:
    """Three lanes of records on the card. Synchronous; one caller at a time; reads no clock.

    Whatever raises CardError has changed nothing. CorruptCard means: call `quarantine`.
    """

    def __init__(
        self,
        path: str,
        *,
        quotas: Quotas | None = None,
        card: Card | None = None,
        random_hex: Callable[[int], str] = system_random_hex,
    ) -> None: ...

    def open(self, boot: str, mono_ms: int) -> Opening:
        """Open, make or quarantine-and-make the spool for the running boot."""

    def close(self) -> None: ...

    def quarantine(self, reason: str, mono_ms: int) -> Opening:
        """Set the damaged file aside, make a new spool with new epochs and carry panic and event over."""

    # Accepting. On return the records are on the disk.

    def append_panic(self, mono_ms: int, body: bytes) -> Appended: ...

    def append_events(self, events: Sequence[tuple[int, bytes]]) -> Appended:
        """(mono_ms, body) each."""

    def append_samples(self, samples: Sequence[Sample]) -> Appended: ...

    # Time.

    def append_sync(self, mono_ms: int, wall_ms: int, error_ms: int, source: Source) -> Sync:
        """Make a measured time durable; unsynced earlier boots are laid out with it."""

    @property
    def timeline(self) -> Timeline:
        """Of the running boot."""

    def at(self, boot_number: int, mono_ms: int) -> Stamp | None:
        """Time of a reading of any boot in the spool."""

    # Sending (used by the uplink and frames).

    def pending(self, lane: Lane, low: int, high: int) -> Range | None:
        """The lowest run of rows in low..high that are to be sent: unsettled or again, and sendable."""

    def pending_rows(self, lane: Lane, first: int, last: int) -> list[Range]:
        """All rows of a range that are still to be sent."""

    def end(self, lane: Lane) -> int:
        """One above the highest row that may be sent now: rows of a boot without time are not, except panic."""

    def newest(self, above: int) -> list[int]:
        """Rows above a number that are the newest sample of their device, ascending."""

    def read_run(self, lane: Lane, first: int, last: int, max_bytes: int) -> Run | None: ...

    def floor(self, lane: Lane, epoch: str) -> int: ...

    # What the hub says.

    @property
    def inc(self) -> Incarnation | None: ...

    def adopt(self, inc: Incarnation) -> None: ...

    def recall(self, have: Iterable[HaveStream]) -> list[Lane]:
        """Mark what is in the ring and not in have to be sent again; lanes whose have is above our next seq."""

    def settle(
        self, lane: Lane, epoch: str, ranges: Iterable[Range], *, refused: bool = False
    ) -> list[Range]:
        """Settle seq ranges of a stream; row ranges that were to be sent and now are not."""

    def new_epoch(self, lane: Lane, epoch: str, reason: str) -> bool: ...

    def forget_losses(self, lane: Lane, epoch: str, ranges: Iterable[Range]) -> None: ...

    def forget_closed(self, lane: Lane, epoch: str) -> None: ...

    # What the beat says.

    def accounts(self, mono_ms: int) -> dict[Lane, LaneAccount]: ...

    def losses(self) -> tuple[Loss, ...]: ...

    def closed(self) -> tuple[ClosedEpoch, ...]: ...

    def usage(self, mono_ms: int) -> Usage: ...

    def overdue_panics(self, mono_ms: int, after_ms: int = 10_000) -> list[OverduePanic]: ...

    def tick(self, mono_ms: int) -> None:
        """Hourly housekeeping: ring marks, pruning. Call about once a minute."""
