"""The hub as a process: in which order it starts, what it waits for, and how it stops."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random, SystemRandom
from urllib.parse import urlsplit

from sqlalchemy import Connection

from contract.readiness import Readiness
from hub import life
from hub.agencies.current import take_up
from hub.alarms import service as alarms
from hub.api.auth import setup
from hub.api.auth.oidc import Issuer, Oidc
from hub.api.auth.roles import Role
from hub.bus import Bus
from hub.clock import Clock
from hub.config import HubConfig, OidcSection, read_secret
from hub.db import Database
from hub.errors import StoreUnavailableError
from hub.fleet import gateways as fleet
from hub.ingest.pipeline import Pipeline
from hub.notify.channels.build import build, check_apart, specs
from hub.notify.links import Links
from hub.notify.sections import AnswersSection
from hub.outbound import Outbound
from hub.parts.ground import Ground, Memory
from hub.region import Region
from hub.region import load as load_region
from hub.series.influx import Influx, InfluxConfig
from hub.series.tiers import Tiers
from hub.web import Web
from hub.wiring import Hub

log = logging.getLogger(__name__)

STORE_PAUSE_S = 1.0
"""Between two tries to reach a database server at start."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What is said when the hub is ready.

    Attributes:
        api: address of the API.
        setup_code: the one-time code for the first administrator; None where there are users.
    """

    api: str
    setup_code: str | None


class HubApp:
    """One hub. The constructor only stores; ``run`` acts.

    Args:
        on_ready: told when the store is open and the API listens, and again when a changed region profile is in
            force. Broker and InfluxDB may come later.
    """

    def __init__(
        self,
        config: HubConfig,
        *,
        clock: Clock,
        random: Random | None = None,
        on_ready: Callable[[Ready], None] | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._random = random or SystemRandom()
        self._on_ready = on_ready
        self._stop = asyncio.Event()
        self._readiness = Readiness()

    def stop(self) -> None:
        """End ``run`` in good order. Call it in the event loop; idempotent."""
        self._stop.set()

    async def run(self) -> None:
        """Work until ``stop``.

        Raises:
            contract.strict_toml.TomlError: the region profile has mistakes.
            HubError: the store or a channel cannot be used as it is.
            OSError: the API's address is taken, or a secret's file cannot be read.
        """
        region = load_region(Path(self._config.profile))
        async with AsyncExitStack() as stack:
            db = Database(self._config.database_url)
            stack.push_async_callback(asyncio.to_thread, db.close)
            await self._open(db)
            if not self._stop.is_set():
                await self._with_store(stack, db, region)

    async def _open(self, db: Database) -> None:
        """Open the store, however long its server is away."""
        while not self._stop.is_set():
            try:
                await asyncio.to_thread(db.open)
            except StoreUnavailableError as error:
                log.error("store=down error=%s", error)
                await asyncio.sleep(STORE_PAUSE_S)
            else:
                return

    async def _with_store(self, stack: AsyncExitStack, db: Database, region: Region) -> None:
        outbound = Outbound(self._config.outbound.allow, allow_private=self._config.outbound.private)
        stack.push_async_callback(outbound.aclose)
        earnest, exercise = specs(self._config.channels), specs(self._config.exercise.channels)
        check_apart(earnest, exercise)
        channels = build(earnest, outbound, self._clock)
        # Exercises have a way out of their own, which leads to nobody else.
        fenced = Outbound(self._config.exercise.allow, allow_private=self._config.exercise.private)
        stack.push_async_callback(fenced.aclose)
        exercise_channels = build(exercise, fenced, self._clock)
        for channel in (*channels.values(), *exercise_channels.values()):
            stack.push_async_callback(channel.aclose)
        influx, tiers = None, None
        if self._config.influx is not None:
            influx = await stack.enter_async_context(Influx(influx_config(self._config)))
            tiers = await Tiers.enter(stack, influx)
        web = Web(self._config.api)
        stack.callback(web.close)
        oidc = _oidc(self._config.oidc, outbound)
        found: Region | None = region
        while found is not None:
            memory = await self._recall(db, found)
            if memory is None:
                return
            ground = Ground(
                config=self._config,
                clock=self._clock,
                random=self._random,
                db=db,
                region=memory.directories.region,
                memory=memory,
                channels=channels,
                exercise_channels=exercise_channels,
                links=_links(self._config.answers),
                influx=influx,
                tiers=tiers,
                outbound=outbound,
                bus=Bus(),
                pipeline=Pipeline(self._clock),
                known=fleet.registry(found),
                profiled=found,
            )
            hub = Hub(ground, oidc=oidc, web=web)
            found = await hub.run(self._stop, partial(self._ready, web, memory))

    async def _recall(self, db: Database, region: Region) -> Memory | None:
        """What the store knows, however long its server is away; None when stopped meanwhile."""
        while not self._stop.is_set():
            try:
                return await db.write(lambda conn: self._remember(conn, region))
            except StoreUnavailableError as error:
                log.error("store=down error=%s", error)
                await asyncio.sleep(STORE_PAUSE_S)
        return None

    def _remember(self, conn: Connection, region: Region) -> Memory:
        now_ms = self._clock.now_ms()
        return Memory(
            life.incarnation(conn, now_ms=now_ms, random=secrets.randbits),
            setup.new_code(conn, now_ms=now_ms),
            alarms.restore(conn),
            fleet.on_record(conn),
            take_up(conn, region, Path(self._config.profile), now_ms=now_ms),
        )

    def _ready(self, web: Web, memory: Memory) -> None:
        log.info("ready api=%s generation=%d", web.url, memory.inc[0])
        if self._on_ready is not None:
            self._on_ready(Ready(web.url, memory.setup_code))
        self._readiness.ready()


def _oidc(section: OidcSection | None, outbound: Outbound) -> Oidc | None:
    """The issuer of logins, with its secret read from its file."""
    if section is None:
        return None
    issuer = Issuer(
        url=section.issuer,
        client_id=section.client_id,
        client_secret=read_secret(section.secret_file),
        redirect=section.redirect,
        name=section.name or str(urlsplit(section.issuer).hostname),
        claim=section.claim,
        roles={group: [Role(name) for name in names] for group, names in section.roles.items()},
        second_factor=section.second_factor,
    )
    return Oidc(issuer, outbound)


def _links(section: AnswersSection | None) -> Links | None:
    """The answer links, with their key read from its file."""
    if section is None:
        return None
    return Links(section.address, Path(section.key_file).read_bytes().strip())


def influx_config(config: HubConfig) -> InfluxConfig:
    """Where InfluxDB is, with the secret from its file. Only where the configuration names one."""
    section = config.influx
    assert section is not None
    return InfluxConfig(
        section.url,
        section.database,
        section.auth,
        section.user,
        read_secret(section.secret_file) if section.secret_file else "",
        section.timeout_s,
        section.gzip,
    )
