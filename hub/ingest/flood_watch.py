"""Gateways that send more than their quota: told to hold, shown on their page, an alarm where they go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from contract.topics import topic
from hub.alarms.service import Fingerprint, clear_alarm, raise_alarm
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.ingest.accept import Registered
from hub.ingest.answers import Answers
from hub.ingest.quota import Flood, Kind, Quotas

log = logging.getLogger(__name__)

LOOK_S = 1.0
SEVERITY = 2


class FloodWatch:
    """One per hub. The alarm is of a gateway, whatever its lanes.

    Args:
        gateways: the registry; of others nothing is said.
    """

    def __init__(
        self,
        quotas: Quotas,
        answers: Answers,
        gateways: Mapping[str, Registered],
        *,
        db: Database,
        clock: Clock,
    ) -> None:
        self._quotas = quotas
        self._answers = answers
        self._gateways = gateways
        self._db = db
        self._clock = clock
        self._told: set[tuple[str, Kind]] = set()
        self._said: dict[str, bool] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """One look: who may send again, who floods, and what of it is not on record yet."""
        now_ms = self._clock.mono_ms()
        for gateway in self._answers.held:
            where = topic(self._gateways[gateway].cell, gateway, "up/telemetry")
            if self._quotas.has_room(where, now_ms):
                self._answers.release(gateway)
        floods = [one for one in self._quotas.floods(now_ms) if one.gateway in self._gateways]
        self._tell(floods)
        await self._record({one.gateway: one for one in floods if one.persists})

    def _tell(self, floods: list[Flood]) -> None:
        now = {(one.gateway, one.kind) for one in floods}
        for gateway, kind in sorted(now - self._told):
            log.warning("over_quota gateway=%s lane=%s", gateway, kind)
        for gateway, kind in sorted(self._told - now):
            log.info("within_quota gateway=%s lane=%s", gateway, kind)
        self._told = now

    async def _record(self, flooding: Mapping[str, Flood]) -> None:
        """Bring the alarms in line with what is so; at the first look those too that an earlier life of the hub raised.

        What the store does not take waits for the next look.
        """
        new = [one for name, one in self._gateways.items() if self._said.get(name) != (name in flooding)]
        if not new:
            return
        now_ms = self._clock.now_ms()
        try:
            await self._db.write(lambda conn: _write(conn, new, flooding, now_ms))
        except (StoreError, SQLAlchemyError) as error:
            log.error("over_quota_not_recorded error=%s", error)
            return
        self._said |= {one.gateway: one.gateway in flooding for one in new}

    def by_gateway(self) -> dict[str, list[dict[str, Any]]]:
        """Of each gateway the lanes that are over their quota: ``lane``, ``refused`` messages, ``for_ms``."""
        found: dict[str, list[dict[str, Any]]] = {}
        for one in self._quotas.floods(self._clock.mono_ms()):
            said = {"lane": one.kind, "refused": one.refused, "for_ms": one.last_ms - one.since_ms}
            found.setdefault(one.gateway, []).append(said)
        return found


def _write(conn: Connection, new: list[Registered], flooding: Mapping[str, Flood], now_ms: int) -> None:
    for known in new:
        fingerprint = Fingerprint(known.site, known.gateway, known.gateway, "", "over_quota")
        flood = flooding.get(known.gateway)
        if flood is None:
            clear_alarm(conn, fingerprint, now_ms=now_ms)
        else:
            detail = {"lane": flood.kind, "refused": flood.refused}
            raise_alarm(conn, fingerprint, severity=SEVERITY, now_ms=now_ms, detail=detail)
