"""Watches the authority's file: whose frames are refused from now on, and alarms for what ends soon.

A file that is missing or cannot be read changes nobody's trust: the last one that could be read stays in force, and
people are told. A press must not depend on the authority.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography import x509
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from contract.errors import ContractError
from hub.alarms.service import Fingerprint, clear_alarm, raise_alarm
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.fleet import trust
from hub.fleet.trust import Ending, Trust, Verdict
from hub.ingest.accept import Registered

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""How often it is looked whether the file has changed: a revoked gateway is refused within this time."""

JUDGE_MS = 60_000
UNREAD_SEVERITY = 1


class TrustWatch:
    """The file as it was last read.

    Args:
        file: None where the hub was told of none: then nobody is refused, and only the hub's own certificates are
            watched.
        own: the hub's certificates by name.
        gateways: the registry.
        changed: told of each gateway that was revoked or is trusted again.

    Attributes:
        revoked: gateways whose frames are refused.
    """

    def __init__(
        self,
        file: Path | None,
        *,
        own: Mapping[str, Path],
        gateways: Mapping[str, Registered],
        db: Database,
        clock: Clock,
        changed: Callable[[str], None],
    ) -> None:
        self._file = file
        self._own = own
        self._gateways = gateways
        self._db = db
        self._clock = clock
        self._changed = changed
        self._seen: object = None
        self._trust: Trust | None = None
        self._unread = ""
        self._said: dict[Fingerprint, int | None] = {}
        self.revoked: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Work until cancelled."""
        due_ms = 0
        while True:
            new = self.look()
            if new or self._clock.mono_ms() >= due_ms:
                await self.judge()
                due_ms = self._clock.mono_ms() + JUDGE_MS
            await asyncio.sleep(LOOK_S)

    def look(self) -> bool:
        """Read the file if it has changed; whether it has. It is small, and called before the first frame too."""
        if self._file is None:
            return False
        try:
            found = self._file.stat()
            seen: object = (found.st_ino, found.st_mtime_ns)
            if seen == self._seen:
                return False
            self._take(trust.decode(self._file.read_bytes()))
            self._unread = ""
        except (OSError, ContractError) as error:
            seen = str(error)
            if seen == self._seen:
                return False
            self._unread = seen
            log.error("trust_unread error=%s", error)
        self._seen = seen
        return True

    def _take(self, new: Trust) -> None:
        self._trust = new
        before, self.revoked = self.revoked, frozenset(new.revoked)
        for gateway in sorted(before ^ self.revoked):
            log.warning("trust gateway=%s revoked=%s", gateway, gateway in self.revoked)
            self._changed(gateway)

    def keys(self, gateway: str, now_ms: int) -> list[str]:
        """What a gateway may sign with now (``Key.public``); none of one that is revoked or not named."""
        if self._trust is None or gateway in self.revoked:
            return []
        return [one.public for one in self._trust.keys if one.gateway == gateway and one.ends_ms > now_ms]

    async def judge(self) -> None:
        """Raise and clear the alarms. Only what has changed is written."""
        now_ms = self._clock.now_ms()
        new = {
            fingerprint: verdict
            for fingerprint, verdict in self._verdicts(now_ms).items()
            if self._said.get(fingerprint, -1) != verdict.severity
        }
        if not new:
            return
        try:
            await self._db.write(lambda conn: _write(conn, new, now_ms))
        except (StoreError, SQLAlchemyError) as error:
            log.error("trust_not_judged error=%s", error)  # in a minute again
            return
        self._said |= {fingerprint: verdict.severity for fingerprint, verdict in new.items()}

    def _verdicts(self, now_ms: int) -> dict[Fingerprint, Verdict]:
        """Of every gateway too that the file does not name (any more): its alarm is over."""
        found: dict[Fingerprint, Verdict] = {
            _gateway(one, "certificate"): Verdict(one.gateway, "certificate", None, 0)
            for one in self._gateways.values()
        }
        unread = UNREAD_SEVERITY if self._unread else None
        said = [Verdict("hub", condition="trust_unread", severity=unread, ends_ms=now_ms)]
        own = [one for one in map(_ending, self._own, self._own.values()) if one is not None]
        if self._trust is None:
            said += [trust.judge_certificate(one, now_ms=now_ms) for one in own]
        else:
            said += trust.judge(self._trust, own, now_ms=now_ms)
        return found | {self._fingerprint(one): one for one in said}

    def _fingerprint(self, verdict: Verdict) -> Fingerprint:
        known = self._gateways.get(verdict.name)
        if known is None:
            return Fingerprint("", "", verdict.name, "", verdict.condition)
        return _gateway(known, verdict.condition)


def _gateway(known: Registered, condition: str) -> Fingerprint:
    return Fingerprint(known.site, known.gateway, known.gateway, "", condition)


def _write(conn: Connection, verdicts: Mapping[Fingerprint, Verdict], now_ms: int) -> None:
    for fingerprint, verdict in verdicts.items():
        if verdict.severity is None:
            clear_alarm(conn, fingerprint, now_ms=now_ms)
        else:
            detail = {"ends_ms": verdict.ends_ms}
            raise_alarm(conn, fingerprint, severity=verdict.severity, now_ms=now_ms, detail=detail)


def _ending(name: str, path: Path) -> Ending | None:
    """When a certificate of the hub's own ends; None where it cannot be read: then nothing connects, and says so."""
    try:
        leaf = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
    return Ending(name, "service", int(leaf.not_valid_after_utc.timestamp() * 1000))
