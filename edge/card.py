"""What the rooms of a gateway commit to: the spool, made anew where the card under it is found damaged."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from contract.codec import encode_body
from contract.messages import EventBody
from edge.clock import Clock, random_hex
from edge.config import SpoolSettings
from edge.errors import CorruptCard, EdgeError
from edge.spool import Appended, Quotas, Sample, Spool

log = logging.getLogger(__name__)

T = TypeVar("T")

SCAN_BYTES = 240
"""What an attendance scan takes in the event lane, at most."""


class Card:
    """The spool as everything that writes sees it. On a damaged card it is set aside, and writing goes on."""

    def __init__(
        self,
        settings: SpoolSettings,
        *,
        gateway: str,
        clock: Clock,
        committed: Callable[[], None],
    ) -> None:
        """
        Args:
            gateway: whose notes these are.
            committed: told after each commit, to wake the sending side.
        """
        self.spool = Spool(str(settings.path), quotas=quotas(settings))
        self._settings = settings
        self._gateway = gateway
        self._clock = clock
        self._committed = committed

    def open(self) -> None:
        """Open or make the spool. A quarantine is noted.

        Raises:
            EdgeError: the card does not give it.
        """
        self._settings.path.parent.mkdir(parents=True, exist_ok=True)
        opening = self.spool.open(self._clock.boot_id(), self._clock.mono_ms())
        log.info("spool.open state=%s reason=%s salvaged=%d", opening.state, opening.reason, opening.salvaged)
        if opening.state == "quarantined":
            self.note("spool_quarantined", {"reason": opening.reason})

    def close(self) -> None:
        """Close the spool; idempotent."""
        self.spool.close()

    def append_samples(self, samples: Sequence[Sample]) -> Appended:
        """Commit samples to the telemetry lane."""
        return self._commit(lambda: self.spool.append_samples(samples))

    def append_events(self, events: Sequence[tuple[int, bytes]]) -> Appended:
        """Commit (boot clock, body) records to the event lane."""
        return self._commit(lambda: self.spool.append_events(events))

    def append_panic(self, mono_ms: int, body: bytes) -> Appended:
        """Commit one record to the panic lane."""
        return self._commit(lambda: self.spool.append_panic(mono_ms, body))

    def event_room(self) -> int:
        """Half of the event lane is for devices that can wait: doors, beds and faults cannot."""
        return int(self._settings.event_mb * 1e6) // 2 // SCAN_BYTES - self.spool.unsettled("event")

    def next_event_row(self) -> int:
        """Row that the next event will have."""
        return self.spool.next_row("event")

    def event_body(self, row: int) -> bytes | None:
        """The event of that row; None when it is not on the card any more."""
        return self.spool.body("event", row)

    def tick(self) -> None:
        """Let the spool do its housekeeping; what the card refuses is done the next time."""
        try:
            self._guarded(lambda: self.spool.tick(self._clock.mono_ms()))
        except EdgeError as error:
            log.error("spool.housekeeping_failed error=%r", str(error))

    def note(self, kind: str, data: Mapping[str, str | int | float | bool | None]) -> None:
        """Record something that happened to the gateway itself; it must not stop the gateway."""
        body = encode_body(EventBody(id=random_hex(16), kind=kind, device=self._gateway, data=dict(data)))
        try:
            self.spool.append_events([(self._clock.mono_ms(), body)])
        except EdgeError as error:
            log.error("event.unstored kind=%s error=%r", kind, str(error))

    def quarantine(self, error: CorruptCard) -> None:
        """The file is damaged: set it aside and go on with a new one."""
        opening = self.spool.quarantine(error.reason, self._clock.mono_ms())
        log.error(
            "spool.quarantined reason=%s salvaged=%d error=%r", opening.reason, opening.salvaged, str(error)
        )
        self.note("spool_quarantined", {"reason": opening.reason})

    def _commit(self, act: Callable[[], Appended]) -> Appended:
        appended = self._guarded(act)
        self._committed()
        return appended

    def _guarded(self, act: Callable[[], T]) -> T:
        """Do it on the spool; on a damaged card make a new spool and do it there."""
        try:
            return act()
        except CorruptCard as error:
            self.quarantine(error)
            return act()


def quotas(settings: SpoolSettings) -> Quotas:
    """The spool's quotas as its settings say."""
    return Quotas(
        panic_bytes=int(settings.panic_mb * 1e6),
        event_bytes=int(settings.event_mb * 1e6),
        telemetry_bytes=int(settings.telemetry_mb * 1e6),
    )
