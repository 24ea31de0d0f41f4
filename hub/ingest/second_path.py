"""Presses that come by the second path: signed, by HTTPS or as a text, when a gateway has no receipt in ten seconds.

They ring like any other. They settle nothing: the record comes by the broker too, and is then known by its event id as
the same press, whichever of the two was first.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from contract import codec, press_text, signed
from contract.errors import DecodeError
from contract.messages import EventFrame, EventRecord
from contract.press_text import PressText, tag
from contract.signed import PRESS
from contract.topics import PROTOCOL, topic
from hub.clock import Clock
from hub.db import Database
from hub.fleet.signatures import Roots, UntrustedError, roots_in, verify, verify_short
from hub.ingest.accept import Registered, accept
from hub.ingest.commit import commit_events
from hub.ingest.events import AcceptedEvents, Consequences, StoredEvent
from hub.ingest.pipeline import Pipeline

log = logging.getLogger(__name__)

TEXT_MS = 72 * 3_600_000
"""A network keeps a text for three days at most; an older one is somebody's who has kept it."""

_NO_BOOT = "00000000"
"""A text does not say of which boot it is."""


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
        keys: Callable[[str, int], Sequence[str]] = lambda _gateway, _now_ms: (),
        buttons: Callable[[str], Iterable[str]] = lambda _gateway: (),
    ) -> None:
        """
        Args:
            authority: the city's roots, as for the broker.
            keys: what a gateway may sign texts with now, as the authority says (``hub.fleet.trust.Key.public``).
            buttons: devices of a gateway that a text may be of.
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
        self._keys = keys
        self._buttons = buttons

    async def take(self, body: bytes) -> tuple[str, ...]:
        """Believe it or not, and commit its presses with what they cause.

        Returns:
            Their event ids, each of them in the store now.

        Raises:
            UntrustedError: it is not to be believed.
            StoreUnavailableError: the store does not take it now.
        """
        return await self._keep(self._judged(lambda now_ms: self._posted(body, now_ms)))

    async def take_text(self, text: str) -> tuple[str, ...]:
        """The same with a text that came to the hub's modem (contract/press_text.py)."""
        return await self._keep(self._judged(lambda now_ms: self._texted(text, now_ms)))

    async def _keep(self, frames: Sequence[AcceptedEvents]) -> tuple[str, ...]:
        new = await self._db.write(lambda conn: self._commit(conn, frames), urgent=True)
        self._pipeline.count("second_path", len(frames))
        if new:
            self._stored(new)
        return tuple(record.event_id for frame in frames for record in frame.records)

    def _posted(self, body: bytes, now_ms: int) -> AcceptedEvents:
        message = signed.decode(body)
        known = self._gateways.get(message.gateway)
        if known is None:
            raise UntrustedError("unknown", f"{message.gateway} is not enrolled")
        verify(message, PRESS, self._roots, now_ms=now_ms)
        return self._accepted(message.payload, known, now_ms)

    def _texted(self, text: str, now_ms: int) -> AcceptedEvents:
        """A text says names by their digests, so it is looked up whose they are; the signature decides."""
        said = press_text.decode(text)
        known = next((one for one in self._gateways.values() if tag(one.gateway) == said.gateway_tag), None)
        if known is None:
            raise UntrustedError("unknown", "a text of no gateway of this city")
        device = next((one for one in self._buttons(known.gateway) if tag(one) == said.device_tag), None)
        if device is None:
            raise UntrustedError("device", f"a text of no button of {known.gateway}")
        verify_short(said.to_sign(known.gateway, device), said.signature, self._keys(known.gateway, now_ms))
        if said.t_s is not None and now_ms - 1000 * said.t_s > TEXT_MS:
            raise UntrustedError("old", f"a text of {known.gateway} from before {TEXT_MS // 3_600_000} hours")
        return self._accepted(_frame(known.gateway, said, said.body(device)), known, now_ms)

    def _judged(self, judge: Callable[[int], AcceptedEvents]) -> list[AcceptedEvents]:
        try:
            return list(_alone(judge(self._clock.now_ms())))
        except UntrustedError as error:
            self._refused(error.reason, error.detail)
            raise
        except DecodeError as error:
            self._refused(error.reason, error.message)
            raise UntrustedError(error.reason, error.message) from error

    def _refused(self, reason: str, detail: str) -> None:
        self._pipeline.count("second_path.refused")
        log.warning("second_path_refused reason=%s error=%s", reason, detail)

    def _accepted(self, payload: bytes, known: Registered, now_ms: int) -> AcceptedEvents:
        """Judged as it would be by the broker's way: the same sender, cell, form and bounds."""
        verdict = accept(
            topic(known.cell, known.gateway, "up/panic"),
            payload,
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


def _frame(gateway: str, said: PressText, body: bytes) -> bytes:
    """The press as the broker would have carried it, as far as the text says."""
    frame = EventFrame(
        version=PROTOCOL,
        gateway=gateway,
        epoch="0" * 16,
        boot=_NO_BOOT,
        first=1,
        n=1,
        base_ms=None if said.t_s is None else said.t_s * 1000,
        floor=1,
        events=(EventRecord(0, 0 if said.t_s is None else 1000, msgspec.Raw(body)),),
    )
    return codec.encode(frame)


def _alone(frame: AcceptedEvents) -> Iterator[AcceptedEvents]:
    """Each press in a stream of its own, which no gateway has: so that it takes no number of a real one."""
    for record in frame.records:
        epoch = hashlib.sha256(f"second path/{record.event_id}".encode()).hexdigest()[:16]
        yield replace(frame, epoch=epoch, first=1, last=1, records=(replace(record, seq=1),), refused=())
