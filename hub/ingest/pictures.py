"""Pictures of presses that gateways keep: asked for by a person, posted by the gateway, kept with the incident.

A picture that nobody has asked for is not taken, whoever signs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, select

from contract import pictures
from contract.errors import DecodeError
from contract.pictures import PICTURE, Note
from hub.clock import Clock
from hub.db import Database
from hub.fleet.signatures import Roots, UntrustedError, roots_in, verify
from hub.incidents import attachments
from hub.incidents.machine import NotFoundError, TransitionError
from hub.incidents.pictures import WANTED_MS
from hub.incidents.tables import presses
from hub.incidents.timeline import Actor
from hub.ingest.accept import Registered

log = logging.getLogger(__name__)

WANTED_MOST = 200


class Pictures:
    """Takes what gateways post. The constructor only stores."""

    def __init__(
        self,
        *,
        authority: Path,
        db: Database,
        clock: Clock,
        gateways: Mapping[str, Registered],
        revoked: Callable[[], Collection[str]],
    ) -> None:
        """
        Args:
            authority: the city's roots, as for the broker.
        """
        self._authority = authority
        self._db = db
        self._clock = clock
        self._gateways = gateways
        self._revoked = revoked
        self._wanted: dict[tuple[str, str], int] = {}

    def want(self, gateway: str, file: str) -> None:
        """Somebody asks for this picture now."""
        now_ms = self._clock.now_ms()
        self._wanted = {one: until for one, until in self._wanted.items() if until >= now_ms}
        while len(self._wanted) >= WANTED_MOST:
            self._wanted.pop(next(iter(self._wanted)))
        self._wanted[gateway, file] = now_ms + WANTED_MS

    async def take(self, body: bytes) -> int:
        """Believe it or not, and keep it with the incident of its press; the attachment's id.

        Raises:
            UntrustedError: it is not to be believed, or nobody has asked for it.
            StoreUnavailableError: the store does not take it now.
        """
        try:
            gateway, note, picture = self._judged(body)
            return await self._db.write(lambda conn: self._keep(conn, gateway, note, picture))
        except UntrustedError as error:
            log.warning("picture_refused reason=%s error=%s", error.reason, error.detail)
            raise

    def _judged(self, body: bytes) -> tuple[str, Note, bytes]:
        now_ms = self._clock.now_ms()
        try:
            line, note, picture = pictures.unpacked(body)
        except DecodeError as error:
            raise UntrustedError(error.reason, error.message) from error
        if line.gateway not in self._gateways or line.gateway in self._revoked():
            raise UntrustedError("unknown", f"{line.gateway} is not enrolled")
        verify(line, PICTURE, self._roots, now_ms=now_ms)
        if self._wanted.pop((line.gateway, note.file), 0) < now_ms:
            raise UntrustedError("unasked", f"nobody has asked {line.gateway} for {note.file}")
        return line.gateway, note, picture

    def _keep(self, conn: Connection, gateway: str, note: Note, picture: bytes) -> int:
        query = select(presses.c.incident_id).where(
            presses.c.gateway == gateway, presses.c.event_id == note.press
        )
        incident_id = conn.execute(query).scalar_one_or_none()
        if incident_id is None:
            raise UntrustedError("press", f"{gateway} has told no press {note.press}")
        actor = Actor(f"gateway:{gateway}", "gateway")
        try:
            return attachments.add(
                conn, incident_id, note.file, picture, actor=actor, now_ms=self._clock.now_ms()
            )
        except (NotFoundError, TransitionError) as error:
            raise UntrustedError("kept", str(error)) from error

    @cached_property
    def _roots(self) -> Roots:
        return roots_in(self._authority)
