"""An open page of somebody, and everything in it that a browser complains about."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request

TONES = """
globalThis.tones = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) {
  globalThis.tones.push([Date.now(), this.frequency.value]);
  return start.apply(this, when);
};
"""
"""Remembers every tone that a page plays; nobody hears a browser without a screen."""

SKIP = """
const now = Date.now;
let skipped = 0;
Date.now = () => now() + skipped;
globalThis.skip = (ms) => { skipped += ms; };
"""
"""Lets a page's clock jump ahead by ``skip(ms)``."""

NO_SOUND_YET = r"AudioContext was not allowed to start"
"""What Chromium says before the first click or key; the page says the same to the person."""

HUB_AWAY = (
    r"net::ERR_(CONNECTION_|EMPTY_RESPONSE|INCOMPLETE_CHUNKED|NETWORK_IO|SOCKET)|htmx:error: Failed to fetch"
)
"""What Chromium and htmx themselves say of requests to a hub that is not there; no script can keep them from that."""


class Console:
    """One browser window of one person.

    Attributes:
        complaints: errors of the console, exceptions, violations of the policy, requests to anybody but the hub.
    """

    def __init__(self, context: BrowserContext, page: Page, origin: str) -> None:
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        self._origin = origin
        self._excused = [re.compile(NO_SOUND_YET)]
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._complain(f"exception: {error}"))
        page.on("request", self._on_request)

    def excuse(self, pattern: str) -> None:
        """Complaints of this sort are what the test is about."""
        self._excused.append(re.compile(pattern))

    @property
    def remaining(self) -> list[str]:
        """Complaints that nothing excuses."""
        return [one for one in self.complaints if not any(like.search(one) for like in self._excused)]

    async def tones(self) -> list[tuple[float, float]]:
        """When (ms) and what (Hz) has been played since the page was opened."""
        return [(at, hertz) for at, hertz in await self.page.evaluate("tones")]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self._complain(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        to = urlsplit(request.url)
        if to.scheme not in ("data", "blob") and f"{to.scheme}://{to.netloc}" != self._origin:
            self._complain(f"request to another origin: {request.url}")

    def _complain(self, text: str) -> None:
        self.complaints.append(f"{urlsplit(self.page.url).path}: {text}")
