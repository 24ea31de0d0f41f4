"""Who may use a route: one gate before every route, closed unless the route says for whom it is open.

A route is a row: method, path, function, access. There is no other way to add one, the gate refuses what is in no
row, and the application does not start with a route that the gate does not know.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from hub.api.auth import sessions, users
from hub.api.auth.roles import Roles
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.errors import HubError, StoreUnavailableError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
FORM = "application/x-www-form-urlencoded"


class RouteError(HubError):
    """A route that does not say who may use it; the application does not start."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a route: users with one of the roles, or, where there are none, anyone at all (``PUBLIC``).

    Attributes:
        half: open also for who has given the password and not yet the second factor; for what leads there, and out.
    """

    roles: Roles
    half: bool = False

    @property
    def public(self) -> bool:
        """Whether one need not be logged in."""
        return not self.roles


PUBLIC = Access(frozenset())
"""For the few routes before a login."""


def only(roles: Roles, *, half: bool = False) -> Access:
    """Open for users who have one of the roles."""
    if not roles:
        raise RouteError("a route that is not public names its roles")
    return Access(roles, half)


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the API.

    Attributes:
        endpoint: its docstring is the description in the OpenAPI document.
        options: more for FastAPI's ``add_api_route``.
    """

    method: str
    path: str
    endpoint: Callable[..., Any]
    access: Access
    tag: str
    options: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, by which session."""

    user: users.User
    session: sessions.Session
    token: str


def add_routes(app: FastAPI, routes: tuple[Route, ...]) -> None:
    """Add every route with its access to the application."""
    for route in routes:
        roles = "siapa pun / anyone" if route.access.public else ", ".join(sorted(route.access.roles))
        app.add_api_route(
            route.path,
            route.endpoint,
            methods=[route.method],
            tags=[route.tag],
            openapi_extra={"x-siaga-roles": roles},
            **(route.options or {}),
        )
        access_of(app)[route.method, route.path] = route.access


def access_of(app: FastAPI) -> dict[tuple[str, str], Access]:
    """The access of each route by method and path."""
    if not hasattr(app.state, "access"):
        app.state.access = {}
    found: dict[tuple[str, str], Access] = app.state.access
    return found


def check_all(app: FastAPI) -> None:
    """Every route of the application is in the table.

    Raises:
        RouteError: one is not, or is of a kind that the gate does not stand before.
    """
    for route in app.routes:
        if not isinstance(route, APIRoute):
            raise RouteError(f"{route!r} is no plain route, so nothing asks who uses it", "add it as a Route")
        for method in route.methods or ():
            if (method, route.path) not in access_of(app):
                raise RouteError(f"{method} {route.path} does not say who may use it", "add it as a Route")


def hub_of(request: Request) -> Services:
    """The services of the application."""
    services: Services = request.app.state.services
    return services


async def gate(request: Request) -> None:
    """Stand before every route: a foreign page, a stranger, a wrong role or a missing token goes no further.

    Raises:
        ApiError: with the code that says why.
    """
    access = _access(request)
    changing = request.method not in SAFE_METHODS
    if changing:
        _check_origin(request)
    if access.public:
        return
    identity = await _identify(request)
    # Set before it is judged: a page that refuses someone greets them by name.
    request.state.identity = identity
    _within_rate(request, identity)
    if identity.session.needs and not access.half:
        raise ApiError("second_factor")
    if not access.roles & identity.user.roles:
        raise ApiError("forbidden")
    if changing and not sessions.csrf_fits(identity.token, await _given_token(request)):
        raise ApiError("csrf")


def identity_of(request: Request) -> Identity:
    """Who is asking; only for routes that are not public."""
    identity: Identity = request.state.identity
    return identity


async def _hub(request: Request) -> Services:
    """Asynchronous, for a plain function would be run in a thread."""
    return hub_of(request)


async def _who(request: Request) -> Identity:
    return identity_of(request)


Hub = Annotated[Services, Depends(_hub)]
Who = Annotated[Identity, Depends(_who)]


def cookie_name(services: Services) -> str:
    """The session cookie; with TLS under a name that browsers bind to this host and to HTTPS."""
    return "__Host-siaga" if services.secure_cookies else "siaga"


def _access(request: Request) -> Access:
    route: BaseRoute | None = request.scope.get("route")
    known = access_of(request.app).get((request.method, route.path)) if isinstance(route, APIRoute) else None
    if known is None:
        raise ApiError("forbidden")
    return known


def _check_origin(request: Request) -> None:
    """A browser says where a change comes from; a page of another site may not change anything, even by login."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise ApiError("foreign_origin")
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host", ""):
        raise ApiError("foreign_origin")


def _within_rate(request: Request, identity: Identity) -> None:
    hub = hub_of(request)
    wait_s = hub.rates.by_user(identity.user.name, now_ms=hub.clock.mono_ms())
    if wait_s:
        raise ApiError("too_many_requests", headers={"Retry-After": str(math.ceil(wait_s))})


async def _given_token(request: Request) -> str:
    """The page's token: in the header that scripts send, or in a field of a form that works without one."""
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith(FORM):
        field = (await request.form()).get(CSRF_FIELD, "")
        given = field if isinstance(field, str) else ""
    return given or ""


async def _identify(request: Request) -> Identity:
    hub = hub_of(request)
    token = request.cookies.get(cookie_name(hub), "")
    identity = await find_identity(hub, token) if token else None
    if identity is None:
        raise ApiError("not_logged_in")
    now_ms = hub.clock.now_ms()
    if now_ms - identity.session.seen_ms > hub.timeouts.noted_s * 1000:
        # A store that is full can still be read, and people must see what is going on.
        with suppress(StoreUnavailableError):
            await hub.db.write(lambda conn: sessions.touch(conn, identity.session, now_ms=now_ms))
    return identity


async def find_identity(hub: Services, token: str) -> Identity | None:
    """Who a session's token stands for, None where it is over."""

    def read(conn: Any) -> Identity | None:
        session = sessions.find(conn, token, hub.timeouts, now_ms=hub.clock.now_ms())
        return None if session is None else Identity(users.get(conn, session.user), session, token)

    return await hub.db.read(read)
