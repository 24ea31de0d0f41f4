"""From a press to the open pages, with one console and with fifty.

The way begins where the gateway has debounced the contact and ends where the press is in the page's document (by the
page's own clock, which is the machine's), before the browser draws it. Everything between is real: gateway process,
its card, Mosquitto with mutual TLS, hub, SQL, the page's stream and the morph in Debian's Chromium. Of fifty consoles
one is the browser; the others are watchers, which have seen a press when they have read the whole list.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
from playwright.async_api import Page, async_playwright

from benchmarks import meter
from benchmarks.load import quantile
from benchmarks.place import PROFILE, ROOT, LoadFailed
from edge.config import Contact
from hub.region.loader import load as load_region
from simulator.rehearsal import Choice, Rehearsal

PRESSES = 100
PRESSES_QUICK = 3
CONSOLES = 50
BUTTON = "rsud-igd"
OTHERS = ("tugu", "balai-kota-lobi")
"""Buttons whose incidents stay open all the time: a list is seldom empty."""

WATCHERS = ("operator", "pengendali", "layar")
WORKER = "pengendali"

PATIENCE_S = 5.0
SETTLE_S = 0.2
"""After a press and after its incident was closed: the throttles of the pages have run out, so that no press meets the
one before."""

DEBOUNCE_MS = Contact(name="contact", role="panic", pin=17).debounce_ms
CHROMIUM = "/usr/bin/chromium"
MOST_BYTES = 2**24
"""Of what the watchers say at the end."""

OBSERVE = """
globalThis.presses = {};
const wall = () => performance.timeOrigin + performance.now();
const look = () => {
  for (const row of document.querySelectorAll("[data-rings]")) {
    const key = row.dataset.rings;
    if (key in presses) continue;
    const seen = presses[key] = { shown: wall() };
    requestAnimationFrame(() => requestAnimationFrame(() => { seen.drawn = wall(); }));
  }
};
new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
"""
"""Notes when a press came into the document, and when the next frame began after it had been drawn."""


@dataclass
class Run:
    """What was measured of some presses; times in ms after the debounce.

    Attributes:
        made_ms: end of the debounce by press (``data-rings`` of its row), as UTC wall clock.
        shown: until it was in the browser's document.
        drawn: until it had been drawn there.
        hub_cpu_ms: processor time of the hub a press, with its closing and all that the consoles ask.
    """

    made_ms: dict[str, float] = field(default_factory=dict)
    shown: list[float] = field(default_factory=list)
    drawn: list[float] = field(default_factory=list)
    hub_cpu_ms: float = 0.0


async def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """``latency_ms.press_to_page``: p50 and p99 of one console, and of all consoles when there are fifty."""
    presses = PRESSES_QUICK if quick else PRESSES
    buttons = load_region(PROFILE).buttons
    gateways = frozenset(buttons[button].gateway for button in (BUTTON, *OTHERS))
    async with Rehearsal(Choice(folder, PROFILE, log="warning", only=gateways)) as city:
        tokens = [await _token(city, user) for user in WATCHERS]
        for button in OTHERS:
            await _press(city, button)
        await city.log_in(WORKER)
        async with _page(city, tokens[0]) as page:
            await _presses(city, page, min(presses, 5))  # warms everybody up
            one = await _presses(city, page, presses)
            async with Watchers(city.api_port, tokens, CONSOLES - 1, folder / "watchers.log") as watchers:
                many = await _presses(city, page, presses)
                seen = await watchers.ask()
    everywhere = [times[key] - made_ms for times in seen for key, made_ms in many.made_ms.items()]
    among = {f"{name}_{CONSOLES}": value for name, value in _quantiles([*many.shown, *everywhere]).items()}
    return {
        "latency_ms": {"press_to_page": {**_quantiles(one.shown), **among}},
        "notes": {
            "press drawn, 1 console, ms": _quantiles(one.drawn),
            f"press in the browser among {CONSOLES} consoles, ms": _quantiles(many.shown),
            f"hub processor a press with 1 and {CONSOLES} consoles, ms": [one.hub_cpu_ms, many.hub_cpu_ms],
        },
    }


class Watchers:
    """The consoles without a browser, in a process of their own. ``async with``, then ``ask`` once."""

    def __init__(self, port: int, tokens: Sequence[str], number: int, log: Path) -> None:
        self._order = {"port": port, "tokens": list(tokens), "number": number}
        self._log = log
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> Watchers:
        command = ("setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "benchmarks.watchers")
        pipe = asyncio.subprocess.PIPE
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=log, cwd=ROOT, limit=MOST_BYTES
            )
        await self._say(json.dumps(self._order))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def ask(self) -> list[dict[str, float]]:
        """End them; for each when it saw which press, in ms of the wall clock.

        Raises:
            LoadFailed: they have ended before.
        """
        found: list[dict[str, float]] = await self._say("")
        return found

    async def _say(self, line: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        answer = await self._process.stdout.readline()
        if not answer:
            raise LoadFailed(self._log.read_text()[-2000:])
        return json.loads(answer)


async def _presses(city: Rehearsal, page: Page, number: int) -> Run:
    """Press again and again, each time into a new incident that is closed afterwards."""
    random = Random(number)
    run = Run()
    cpu_s = meter.cpu_s(city.hub.pid)
    before = set(await page.evaluate("presses"))
    for _ in range(number):
        made_ms = await _press(city, BUTTON) + DEBOUNCE_MS
        await asyncio.sleep(SETTLE_S)
        key, seen = await _news(page, before)
        before.add(key)
        run.made_ms[key] = made_ms
        run.shown.append(seen["shown"] - made_ms)
        run.drawn.append(seen["drawn"] - made_ms)
        await _close(city, key.partition(" ")[0])
        await asyncio.sleep(SETTLE_S + random.random() / 10)
    run.hub_cpu_ms = round((meter.cpu_s(city.hub.pid) - cpu_s) * 1000 / number, 1)
    return run


async def _news(page: Page, before: set[str]) -> tuple[str, dict[str, float]]:
    """The press that was not in the page before, once it has been drawn."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            seen: dict[str, dict[str, float]] = await page.evaluate("presses")
            for key in seen.keys() - before:
                if "drawn" in seen[key]:
                    return key, seen[key]
            await asyncio.sleep(0.05)


async def _press(city: Rehearsal, button: str) -> int:
    """Close a contact for a moment; UTC wall clock of that in ms, as the gateway's process had it."""
    one = city.region.buttons[button]
    return await city.gateways[one.gateway].press(one.device, hold_ms=DEBOUNCE_MS + 50)


async def _close(city: Rehearsal, incident: str) -> None:
    """Acknowledge an incident and call it a false alarm, as somebody at a console does."""
    place = f"/api/incidents/{incident}"
    (await city.api.post(f"{place}/acknowledge", json={"note": ""})).raise_for_status()
    version = (await city.api.get(place)).raise_for_status().json()["version"]
    body = {"version": version, "note": "benchmark"}
    (await city.api.post(f"{place}/mark-false", json=body)).raise_for_status()


async def _token(city: Rehearsal, user: str) -> str:
    """A session of that user."""
    async with httpx.AsyncClient(base_url=city.api.base_url, trust_env=False) as client:
        await city.logins[user].enter(client)
        return client.cookies["siaga"]


@asynccontextmanager
async def _page(city: Rehearsal, token: str) -> AsyncIterator[Page]:
    """The open incidents in Chromium; its sandbox needs an ordinary user."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    origin = str(city.api.base_url)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = await browser.new_context(base_url=origin)
        await context.add_cookies([{"name": "siaga", "value": token, "url": origin}])
        await context.add_init_script(OBSERVE)
        page = await context.new_page()
        await page.goto("/incidents")
        yield page
        await browser.close()


def _quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {name: round(quantile(ordered, share), 1) for name, share in (("p50", 0.5), ("p99", 0.99))}
