"""Reads the feeds again and again: gently, with what was answered last, and however long they are away."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hub.advisories import earthquakes, nowcast
from hub.advisories.model import Advisory, FeedError, Source, distance_km
from hub.clock import Clock
from hub.outbound import OutboundError, Response
from hub.region import Region

log = logging.getLogger(__name__)

MOST_A_MINUTE = 20
"""Requests to all feeds together; BMKG allows 60 a minute and address."""

MINUTE_MS = 60_000
LONGEST_WAIT_S = 3600.0
"""A feed that fails is asked ever more rarely, up to this."""

NOT_MODIFIED = 304


class Web(Protocol):
    """``hub.outbound.Outbound``, or what stands for it in a test."""

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        """GET a URL."""
        ...


@dataclass
class Feed:
    """A feed, and what it said last.

    Attributes:
        etag, modified: what it gave to ask again with.
        asked_ms, answered_ms: the last question, and the last good answer.
        error: why the last question was not answered; empty where it was.
    """

    source: Source
    url: str
    etag: str = ""
    modified: str = ""
    asked_ms: int | None = None
    answered_ms: int | None = None
    error: str = ""
    wait_s: float = 0.0
    found: tuple[Advisory, ...] = ()
    documents: dict[str, Advisory | None] = field(default_factory=dict)


class Advisories:
    """The advisories of now, in memory; after a restart they are read again.

    Args:
        urls: where each feed is; one that is not there is not read.
        every_s: how often each is asked, in seconds.
    """

    def __init__(
        self, urls: Mapping[Source, str], web: Web, clock: Clock, region: Region, *, every_s: float = 60.0
    ) -> None:
        self._feeds = [Feed(source, url) for source, url in urls.items() if url]
        self._web = web
        self._clock = clock
        self._region = region
        self._every_s = every_s
        self._requests: deque[int] = deque()

    async def run(self) -> None:
        """Read every feed when its time has come. Runs until cancelled."""
        await asyncio.gather(*(self._follow(feed) for feed in self._feeds))

    async def _follow(self, feed: Feed) -> None:
        while True:
            await self.read(feed)
            await asyncio.sleep(feed.wait_s)

    async def read(self, feed: Feed) -> None:
        """Ask a feed once. What it said before stays where it does not answer."""
        feed.asked_ms = self._clock.now_ms()
        try:
            body = await self._ask(feed.url, feed)
            if body is not None:
                feed.found = await self._parse(feed, body)
        except (OutboundError, FeedError) as error:
            feed.wait_s = min(LONGEST_WAIT_S, max(self._every_s, feed.wait_s * 2))
            if not feed.error:
                log.warning("advisories_unread source=%s error=%s", feed.source, error)
            # Asked again with what was not understood, it would say that nothing has changed.
            feed.error, feed.etag, feed.modified = str(error), "", ""
            return
        if feed.error:
            log.info("advisories_read source=%s", feed.source)
        feed.error, feed.wait_s = "", self._every_s
        feed.answered_ms = self._clock.now_ms()

    async def _ask(self, url: str, feed: Feed | None) -> bytes | None:
        """The body of an answer; None where nothing has changed."""
        headers = {"User-Agent": "siaga-hub"}
        if feed is not None and feed.etag:
            headers["If-None-Match"] = feed.etag
        if feed is not None and feed.modified:
            headers["If-Modified-Since"] = feed.modified
        await self._take_turn()
        answer = await self._web.get(url, headers)
        if answer.status == NOT_MODIFIED and feed is not None:
            return None
        if answer.status != 200:
            raise FeedError(f"{url} answered {answer.status}", "see whether the address has changed")
        if feed is not None:
            feed.etag = answer.headers.get("etag", "")
            feed.modified = answer.headers.get("last-modified", "")
        return answer.body

    async def _take_turn(self) -> None:
        """Wait until one more request is within what is asked of others' servers."""
        while True:
            now_ms = self._clock.mono_ms()
            while self._requests and now_ms - self._requests[0] >= MINUTE_MS:
                self._requests.popleft()
            if len(self._requests) < MOST_A_MINUTE:
                self._requests.append(now_ms)
                return
            await asyncio.sleep((self._requests[0] + MINUTE_MS - now_ms) / 1000)

    async def _parse(self, feed: Feed, body: bytes) -> tuple[Advisory, ...]:
        if feed.source == "bmkg_earthquake":
            return tuple(earthquakes.parse(body))
        links = [item.link for item in nowcast.items(body)]
        # A document is told by its address and never changes; only new ones are asked for.
        known = {link: feed.documents[link] for link in links if link in feed.documents}
        for link in links:
            if link in known:
                continue
            try:
                document = await self._ask(link, None)
                known[link] = None if document is None else nowcast.alert(document, link)
            except (OutboundError, FeedError) as error:
                # One that cannot be read hides no other; the list is asked for whole again, and then it is, too.
                log.warning("advisory_unread link=%s error=%s", link, error)
                feed.etag = feed.modified = ""
        feed.documents = known
        return tuple(one for one in known.values() if one is not None)

    @property
    def feeds(self) -> Sequence[Feed]:
        """The feeds that are read."""
        return self._feeds

    def now(self) -> dict[str, Any]:
        """What is advised now, newest first, and how old the word of each feed is. What has expired is left out."""
        now_ms = self._clock.now_ms()
        found = [
            one
            for feed in self._feeds
            for one in feed.found
            if one.expires_ms is None or one.expires_ms > now_ms
        ]
        return {
            "advisories": [
                {**one.as_json(), "distance_km": self._distance_km(one)}
                for one in sorted(found, key=lambda one: -one.issued_ms)
            ],
            "feeds": [
                {
                    "source": feed.source,
                    "asked_ms": feed.asked_ms,
                    "answered_ms": feed.answered_ms,
                    "error": feed.error,
                }
                for feed in self._feeds
            ],
            "now_ms": now_ms,
        }

    def _distance_km(self, one: Advisory) -> int | None:
        """To the nearest site of the region; None where it is of an area."""
        if one.lat is None or one.lon is None:
            return None
        sites = self._region.sites.values()
        return round(min(distance_km(one.lat, one.lon, site.lat, site.lon) for site in sites))
