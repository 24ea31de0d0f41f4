"""Presses that come by the second path: signed, by HTTPS, when a gateway has no receipt in ten seconds.

They ring like any other. They settle nothing: the record comes by the broker too, and is then known by its event id as
the same press, whichever of the two was first.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection

from contract import signed
from contract.errors import DecodeError
from contract.signed import PRESS, Signed
from contract.topics import topic
from hub.clock import Clock
from hub.db import Database
from hub.fleet.signatures import Roots, UntrustedError, roots_in, verify
from hub.ingest.accept import Registered, accept
from hub.ingest.commit import commit_events
from hub.ingest.events import AcceptedEvents, Consequences, StoredEvent
from hub.ingest.pipeline import Pipeline

log = logging.getLogger(__name__)


class SecondPath:
    """Takes what gateways post. The constructor only stores."""

    def __init__(
        self,
        *,
        authority: Path,
        db: Database,
        clock: Clock,
        gateways: Mapping[str, Registered],
        revoked: Callable[[], Collection[str]],
        consequences: Consequences,
        stored: Callable[[Sequence[StoredEvent]], None],
        pipeline: Pipeline,
    ) -> None:
        """
        Args:
            authority: the city's roots, as for the broker.
            stored: told of new presses after the commit.
        """
        self._authority = authority
        self._db = db
        self._clock = clock
        self._gateways = gateways
        self._revoked = revoked
        self._consequences = consequences
        self._stored = stored
        self._pipeline = pipeline

    async def take(self, body: bytes) -> tuple[str, ...]:
        """Believe it or not, and commit its presses with what they cause.

        Returns:
            Their event ids, each of them in the store now.

        Raises:
            UntrustedError: it is not to be believed.
            StoreUnavailableError: the store does not take it now.
        """
        frames = list(self._judged(body))
        new = await self._db.write(lambda conn: self._commit(conn, frames), urgent=True)
        self._pipeline.count("second_path", len(frames))
        if new:
            self._stored(new)
        return tuple(record.event_id for frame in frames for record in frame.records)

    def _judged(self, body: bytes) -> Iterator[AcceptedEvents]:
        now_ms = self._clock.now_ms()
        try:
            message = signed.decode(body)
            known = self._gateways.get(message.gateway)
            if known is None:
                raise UntrustedError("unknown", f"{message.gateway} is not enrolled")
            verify(message, PRESS, self._roots, now_ms=now_ms)
            yield from _alone(self._accepted(message, known, now_ms))
        except UntrustedError as error:
            self._refused(error.reason, error.detail)
            raise
        except DecodeError as error:
            self._refused(error.reason, error.message)
            raise UntrustedError(error.reason, error.message) from error

    def _refused(self, reason: str, detail: str) -> None:
        self._pipeline.count("second_path.refused")
        log.warning("second_path_refused reason=%s error=%s", reason, detail)

    def _accepted(self, message: Signed, known: Registered, now_ms: int) -> AcceptedEvents:
        """Judged as it would be by the broker's way: the same sender, cell, form and bounds."""
        verdict = accept(
            topic(known.cell, known.gateway, "up/panic"),
            message.payload,
            retained=False,
            received_ms=now_ms,
            gateways=self._gateways,
            revoked=self._revoked(),
        )
        if not isinstance(verdict, AcceptedEvents):
            raise UntrustedError(getattr(verdict, "reason", "version"), "its frame is not accepted")
        return verdict

    def _commit(self, conn: Connection, frames: Sequence[AcceptedEvents]) -> list[StoredEvent]:
        now_ms = self._clock.now_ms()
        new: list[StoredEvent] = []
        for frame in frames:
            done = commit_events(conn, frame, now_ms=now_ms, consequences=self._consequences, settles=False)
            new += done.new
        return new

    @cached_property
    def _roots(self) -> Roots:
        return roots_in(self._authority)


def _alone(frame: AcceptedEvents) -> Iterator[AcceptedEvents]:
    """Each press in a stream of its own, which no gateway has: so that it takes no number of a real one."""
    for record in frame.records:
        epoch = hashlib.sha256(f"second path/{record.event_id}".encode()).hexdigest()[:16]
        yield replace(frame, epoch=epoch, first=1, last=1, records=(replace(record, seq=1),), refused=())
