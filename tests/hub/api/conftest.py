"""The API on a real store, and people who use it."""

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from shutil import copyfile
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import update

from hub.agencies.current import plain_current
from hub.agencies.directory import plain
from hub.api.app import create_app
from hub.api.auth import users
from hub.api.auth.passwords import Passwords
from hub.api.rates import Rate, Rates
from hub.api.services import Services
from hub.api.tables import sessions
from hub.bus import Bus
from hub.city.beds import PanelWords
from hub.db import Database
from hub.fleet import gateways as fleet
from hub.rules.model import StationState
from tests.hub.city import NOW, REGION
from tests.hub.rules_in_force import Rules

PASSWORD = "sandi yang panjang"
HOST = "siaga.example"


class Time:
    """A clock that tests set."""

    def __init__(self):
        self.at_ms = NOW

    def now_ms(self):
        return self.at_ms

    def mono_ms(self):
        return self.at_ms - NOW


class Woken:
    """Counts how often the notify worker was woken."""

    times = 0

    def wake(self):
        self.times += 1


class Curves:
    """Time series that answer from a script."""

    def __init__(self):
        self.rows, self.asked, self.error = [], [], None

    async def query(self, q, params=None):
        self.asked.append((q, params))
        if self.error is not None:
            raise self.error
        return self.rows


@dataclass
class Hub:
    """The application, what it stands on, and a way to ask it."""

    services: Services
    app: FastAPI
    clock: Time
    notify: Woken
    curves: Curves
    silent: set[str]
    down: set[str]
    levels: list[StationState]
    missing: list[str]

    def client(self, address="10.0.0.1"):
        """A browser that has not logged in."""
        transport = httpx.ASGITransport(app=self.app, client=(address, 4711), raise_app_exceptions=False)
        headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        return httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}", headers=headers)

    async def add_user(self, name, *roles):
        """Make a user with the tests' password."""
        hashed = self.services.passwords.hash(PASSWORD)
        await self.services.db.write(
            lambda conn: users.add(conn, name, name.title(), roles, hashed, actor="cli", now_ms=NOW)
        )

    @asynccontextmanager
    async def login(self, name, *roles, address="10.0.0.1", half=False):
        """A browser of a user, made if they have roles, that sends the token with every change.

        Args:
            half: leave out the second factor where one is needed; else it counts as given.
        """
        if roles:
            await self.add_user(name, *roles)
        async with self.client(address) as client:
            answer = await client.post("/api/login", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF-Token"] = answer.json()["csrf"]
            if answer.json()["needs"] and not half:
                whole = update(sessions).where(sessions.c.user == name).values(needs="")
                await self.write(lambda conn: conn.execute(whole))
            yield client

    def tight(self, *, address, user):
        """The services with a limit of so many requests at once, and one a second."""
        rates = Rates(address=Rate(1, address), user=Rate(1, user))
        self.app.state.services = replace(self.services, rates=rates)
        return self.app.state.services

    async def read(self, fn):
        return await self.services.db.read(fn)

    async def write(self, fn):
        return await self.services.db.write(fn)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A store's file with its tables, made once and copied for each test."""
    path = tmp_path_factory.mktemp("store") / "hub.sqlite"
    db = Database(f"sqlite:///{path}")
    db.open()
    db.close()
    return path


@cache
def _made() -> FastAPI:
    return create_app(SimpleNamespace(region=REGION, secure_cookies=True))


def _app(services: Services) -> FastAPI:
    """The one application of all tests, on these services: to make its routes costs more than most tests do."""
    app = _made()
    app.state.services = services
    app.state.pages = copy(app.state.pages)
    app.state.pages._snapshots = {}
    return app


@pytest.fixture
def hub(tmp_path, empty_store) -> Iterator[Hub]:
    """The API of a city with no users."""
    copyfile(empty_store, tmp_path / "hub.sqlite")
    with opened(tmp_path) as hub:
        yield hub


@contextmanager
def opened(folder, **changes) -> Iterator[Hub]:
    """The API on the store in a folder; ``changes`` replace services."""
    db = Database(f"sqlite:///{folder}/hub.sqlite")
    db.open()
    clock, notify, curves, silent, down, levels, missing = Time(), Woken(), Curves(), set(), set(), [], []
    services = Services(
        db=db,
        clock=clock,
        region=REGION,
        directories=plain_current(REGION, plain(REGION), folder),
        bus=Bus(),
        notify=notify,
        gateways=lambda conn: [
            row | {"silent": row["gateway"] in silent}
            for row in fleet.overview(conn, fleet.registry(REGION).values())
        ],
        silent=lambda: silent,
        unheard=lambda: silent | down,
        levels=lambda: levels,
        panels=PanelWords(curves),
        pipeline=lambda: {"rates": {"readings_s": 12.5}},
        ready=lambda: missing,
        series=curves,
        rules=Rules(folder),
        secure_cookies=True,
        passwords=Passwords(memory_kib=64, passes=1),
    )
    services = replace(services, **changes)
    yield Hub(services, _app(services), clock, notify, curves, silent, down, levels, missing)
    db.close()


@pytest.fixture
async def server(hub):
    """The API on a free port of the loopback."""
    hub.app.state.services = hub.services
    config = uvicorn.Config(hub.app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110, uvicorn has no event for it
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task
