"""How much one address, and one user, may ask: a bucket each, which fills again as time passes.

The limits are far above what people and walls ask, and far below what would keep the hub from its work. They are no
defence against guessing; that is ``auth/lockout.py``. Kept in memory: the hub is one process.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

MOST_KEYS = 10_000
"""How many addresses, or users, are remembered; the one that asked longest ago is forgotten, and begins anew."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How much may be asked: ``burst`` at once, and ``each_s`` for long."""

    each_s: float
    burst: float


class Buckets:
    """A bucket of permits for each key, filling at the rate. The constructor only stores."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, key: str, *, now_ms: int) -> float:
        """Take a permit; 0 where there was one, else the seconds until there is."""
        left, then_ms = self._left.pop(key, (self._rate.burst, now_ms))
        left = min(self._rate.burst, left + (now_ms - then_ms) / 1000 * self._rate.each_s)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._rate.each_s
        self._left[key] = (left if wait_s else left - 1, now_ms)
        if len(self._left) > MOST_KEYS:
            self._left.popitem(last=False)
        return wait_s


class Rates:
    """The limits of a hub.

    Args:
        address: for everybody behind one address, logged in or not; a room's consoles may share one.
        user: for all sessions of one user.
    """

    def __init__(self, *, address: Rate = Rate(200, 2000), user: Rate = Rate(100, 1000)) -> None:
        self._addresses = Buckets(address)
        self._users = Buckets(user)

    def by_address(self, address: str, *, now_ms: int) -> float:
        """Seconds that this address must wait; 0 where it need not."""
        return self._addresses.take(address, now_ms=now_ms)

    def by_user(self, user: str, *, now_ms: int) -> float:
        """Seconds that this user must wait; 0 where they need not."""
        return self._users.take(user, now_ms=now_ms)


def address_of(connection: HTTPConnection) -> str:
    """Who asks, as limits count them: an IPv4 address, or the /64 of an IPv6 one, for each house has that many."""
    host = connection.client.host if connection.client is not None else "unknown"
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(ip, ipaddress.IPv4Address):
        return host
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))


class AddressLimit:
    """Answers for the application when an address has asked too much; nothing behind it is troubled.

    Args:
        wait_s: takes a permit for an address and says how many seconds it must wait.
        refuse: the answer, for a path, with the seconds to wait.
    """

    def __init__(
        self, app: ASGIApp, wait_s: Callable[[str], float], refuse: Callable[[str, float], ASGIApp]
    ) -> None:
        self._app = app
        self._wait_s = wait_s
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        app = self._app
        if scope["type"] == "http":
            wait_s = self._wait_s(address_of(HTTPConnection(scope)))
            if wait_s:
                app = self._refuse(scope["path"], wait_s)
        await app(scope, receive, send)
