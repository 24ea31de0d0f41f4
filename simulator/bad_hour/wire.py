"""The systems of agencies at the other end of the wire, each failing in its own way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import httpx

HOUR_S = 3600.0
LONGER_THAN_ANY_PATIENCE_S = 120.0

Say = Callable[[float, int], "int | str | tuple[int, dict[str, str]]"]
"""What a system does with a request: after so many seconds, and so many requests before it. A status, a status with
headers, ``hang`` or ``down``."""


@dataclass(frozen=True, slots=True)
class Failing:
    """How a system fails, in words and in deeds."""

    words: str
    say: Say


SYSTEMS: Mapping[str, Failing] = MappingProxyType(
    {
        "baik": Failing("answers 200", lambda _s, _n: 200),
        "lambat": Failing("answers 200 after 8 s", lambda _s, _n: "slow"),
        "diam": Failing("hangs for 10 min, then answers", lambda s, _n: "hang" if s < 600 else 200),
        "sibuk": Failing(
            "429 with Retry-After 30, three times",
            lambda _s, n: (429, {"retry-after": "30"}) if n < 3 else 200,
        ),
        "rusak": Failing("500 for 20 min", lambda s, _n: 500 if s < 1200 else 200),
        "pindah": Failing(
            "redirects, for ever", lambda _s, _n: (302, {"location": "https://elsewhere.example/"})
        ),
        "menolak": Failing("404, for ever", lambda _s, _n: 404),
        "mati": Failing("refuses connections for an hour", lambda s, _n: "down" if s < HOUR_S else 200),
    }
)
SLOW_S = 8.0


class _Body(httpx.AsyncByteStream):
    """A body as a socket gives it, in pieces."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{}"


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Takes requests where a socket would; a host is named by its system, ``cadangan`` is a second channel that works.

    Attributes:
        arrived: time since the begin, host, idempotency key and status of every request that was answered.
    """

    arrived: list[tuple[float, str, str, int]] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or do not, as the host's system does."""
        host = request.headers["host"].split(".")[0]
        now_s = asyncio.get_running_loop().time()
        before = self.asked.get(host, 0)
        self.asked[host] = before + 1
        said = 200 if host.startswith("cadangan") else SYSTEMS[host].say(now_s, before)
        if said == "down":
            raise httpx.ConnectError("connection refused")
        if said == "hang":
            await asyncio.sleep(LONGER_THAN_ANY_PATIENCE_S)
        if said == "slow":
            await asyncio.sleep(SLOW_S)
            said = 200
        status, headers = said if isinstance(said, tuple) else (int(said), {})
        self.arrived.append(
            (asyncio.get_running_loop().time(), host, request.headers["idempotency-key"], status)
        )
        return httpx.Response(status, headers=headers, stream=_Body())


async def resolve(_host: str, _port: int) -> list[str]:
    """Every host has an address, and it is a public one."""
    return ["93.184.216.34"]
