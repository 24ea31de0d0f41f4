"""One browser and one city for a file of tests; for a test, windows that must not complain of anything."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from simulator.logins import Login
from simulator.rehearsal import Rehearsal
from tests.browser.console import SKIP, TONES, Console
from tests.browser.town import close_all, town

CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 10_000
DESK = {"width": 1440, "height": 900}

expect.set_options(timeout=20_000)
"""For the whole process: what is set in a file of tests holds in the others too. Some parts of pages are read anew only
every ten seconds."""

Opening = Callable[..., Awaitable[Console]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rehearsal]:
    async with town(tmp_path_factory.mktemp("town")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium; its sandbox needs an ordinary user."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        one = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield one
        await one.close()


@pytest.fixture(scope="module")
def sessions() -> dict[str, str]:
    """Session tokens of the file's tests by user: a login is slow by intention."""
    return {}


@pytest_asyncio.fixture(loop_scope="module")
async def opened(city: Rehearsal, browser: Browser, sessions: dict[str, str]) -> AsyncIterator[Opening]:
    """Opens a window for a user (None: nobody has logged in) at a path. At the end none may have complained."""
    windows: list[Console] = []
    origin = str(city.api.base_url).rstrip("/")

    async def open_one(
        user: str | None = "pengendali",
        path: str | None = "/",
        *,
        language: str = "id",
        size: dict[str, int] = DESK,
    ) -> Console:
        context = await browser.new_context(base_url=origin, viewport=size, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(TONES + SKIP)
        cookies = {"siaga-lang": language}
        if user is not None:
            if user not in sessions:
                sessions[user] = await _log_in(origin, city.logins[user])
            cookies["siaga"] = sessions[user]
        await context.add_cookies(
            [{"name": name, "value": value, "url": origin} for name, value in cookies.items()]
        )
        window = Console(context, await context.new_page(), origin)
        windows.append(window)
        if path is not None:
            await window.page.goto(path)
        return window

    yield open_one
    for window in windows:
        await window.context.close()
    assert [line for window in windows for line in window.remaining] == []


@pytest_asyncio.fixture(loop_scope="module")
async def quiet(city: Rehearsal) -> None:
    """No incident is open."""
    await close_all(city)


async def _log_in(origin: str, login: Login) -> str:
    async with httpx.AsyncClient(base_url=origin, trust_env=False) as client:
        await login.enter(client)
        return client.cookies["siaga"]
