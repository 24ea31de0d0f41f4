"""The configurations that the hub wants its gateways to run: a folder with a file ``<gateway>.toml`` each.

What a gateway runs is in its beats, by its hash. One that runs another is told what is wanted, once a minute, until it
runs that or refuses it; what it refuses it is not told again until the file is another one.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Collection
from pathlib import Path

from sqlalchemy import select

from contract.messages import DesiredConfig
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.fleet.tables import gateways as rows
from hub.ingest.accept import AcceptedReply

log = logging.getLogger(__name__)

LOOK_S = 5.0
AGAIN_MS = 60_000

LARGEST_BYTES = 40_000
"""A larger file does not fit a message."""


class Wishes:
    """Tells gateways what they should run."""

    def __init__(
        self,
        folder: Path,
        *,
        gateways: Collection[str],
        db: Database,
        clock: Clock,
        say: Callable[[str, DesiredConfig], None],
    ) -> None:
        self._folder = folder
        self._gateways = gateways
        self._db = db
        self._clock = clock
        self._say = say
        self._said_ms: dict[tuple[str, str], int] = {}
        self._refused: dict[str, str] = {}
        self._unreadable: set[str] = set()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Tell those that run another configuration than is wanted."""
        wishes = {gateway: wish for gateway in self._gateways if (wish := self._wish(gateway)) is not None}
        if not wishes:
            return
        heard = select(rows.c.gateway, rows.c.config).where(rows.c.online, rows.c.gateway.in_(wishes))
        try:
            running = {
                row.gateway: row.config for row in await self._db.read(lambda conn: conn.execute(heard).all())
            }
        except StoreError as error:
            log.error("wishes_not_looked_at error=%s", error)
            return
        now_ms = self._clock.mono_ms()
        for gateway, wish in wishes.items():
            key = gateway, wish.hash
            if running.get(gateway, wish.hash) == wish.hash or self._refused.get(gateway) == wish.hash:
                continue
            if now_ms - self._said_ms.get(key, -AGAIN_MS) >= AGAIN_MS:
                self._said_ms[key] = now_ms
                self._say(gateway, wish)

    def replied(self, accepted: AcceptedReply) -> None:
        """A gateway has said what became of it."""
        reply = accepted.reply
        if reply.config_version is None:
            return
        wish = self._wish(accepted.gateway)
        if wish is None or wish.config_version != reply.config_version:
            return
        if reply.ok:
            log.info("wish_fulfilled gateway=%s hash=%s", accepted.gateway, reply.config_hash[:12])
        elif self._refused.get(accepted.gateway) != wish.hash:
            self._refused[accepted.gateway] = wish.hash
            log.error("wish_refused gateway=%s error=%s", accepted.gateway, reply.error)

    def _wish(self, gateway: str) -> DesiredConfig | None:
        path = self._folder / f"{gateway}.toml"
        try:
            changed_ms = path.stat().st_mtime_ns // 1_000_000
            text = path.read_bytes()
            if len(text) > LARGEST_BYTES:
                raise ValueError(f"{len(text)} bytes, at most {LARGEST_BYTES}")
            wish = DesiredConfig(
                config_version=changed_ms, hash=hashlib.sha256(text).hexdigest(), toml=text.decode()
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            if gateway not in self._unreadable:
                self._unreadable.add(gateway)
                log.error("wish_unreadable gateway=%s error=%s", gateway, error)
            return None
        self._unreadable.discard(gateway)
        return wish
