"""The two servers that people and gateways reach over HTTP, each as a whole: hub and enrolment."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message

from hub.api.access import cookie_name
from hub.api.auth import sessions
from hub.api.auth.roles import Role
from hub.api.rates import Rate, Rates
from hub.api.tables import users
from provisioning import claims
from provisioning.ca import Authority
from provisioning.claims import Site
from provisioning.enrolment import Enrolment
from provisioning.register import Register
from provisioning.service import EST, Service
from tests.fuzz.campaign import Target
from tests.hub.api.conftest import HOST, PASSWORD, Hub, opened
from tests.hub.city import NOW
from tests.provisioning.test_requests import request

Headers = dict[bytes, bytes]

FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"
UNLIMITED = Rates(address=Rate(1e9, 1e9), user=Rate(1e9, 1e9))
"""Limits would answer instead of what is to be tried."""


class Asker:
    """Asks an application without a server between, byte by byte what it says; each time from another address."""

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop
        self._numbers = itertools.count()

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Headers | None = None,
        query: bytes = b"",
        body: bytes = b"",
    ) -> int:
        """The status of the answer, which is never one of a failure."""
        status = self._loop.run_until_complete(self._ask(method, path, headers or {}, query, body))
        assert status < 500, f"{method} {path}: {status}"
        return status

    async def _ask(self, method: str, path: str, headers: Headers, query: bytes, body: bytes) -> int:
        number = next(self._numbers)
        asked: list[Message] = [
            {"type": "http.request", "body": body[:2000], "more_body": len(body) > 2000},
            *([{"type": "http.request", "body": body[2000:]}] if len(body) > 2000 else []),
        ]
        said: list[Message] = []

        async def receive() -> Message:
            return asked.pop(0) if asked else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            said.append(message)

        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query,
            "headers": [(b"host", HOST.encode()), *headers.items()],
            "client": (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 4711),
            "server": (HOST, 443),
            "state": {},
        }
        await self._app(scope, receive, send)
        return int(said[0]["status"])


def targets(folder: Path) -> Iterator[Target]:
    """Every one; the last lets go of what they share."""
    with ExitStack() as stack:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        (folder / "hub").mkdir()
        hooks = {"desk-hook": b"k" * 32}
        hub = stack.enter_context(opened(folder / "hub", rates=UNLIMITED, hooks=hooks))
        yield from _hub(hub, Asker(hub.app, loop), loop)
        register = Register(folder / "authority")
        yield from _enrolment(folder / "authority", register, loop)
        register.close()


def _hub(hub: Hub, asker: Asker, loop: asyncio.AbstractEventLoop) -> Iterator[Target]:
    loop.run_until_complete(hub.add_user("siti", *Role))
    cookie = cookie_name(hub.services).encode()
    member = loop.run_until_complete(Member(hub, cookie).headers())

    def posts(paths: tuple[str, ...], kind: bytes, headers: Callable[[], Headers]) -> Callable[[bytes], None]:
        def feed(data: bytes) -> None:
            for path in paths:
                asker.ask("POST", path, headers={b"content-type": kind, **headers()}, body=data)

        return feed

    strangers = ("/api/login", "/api/setup", "/api/activate")
    login = b'{"name":"siti","password":"%s","code":"a-b","full_name":"S"}' % PASSWORD.encode()
    yield Target("HTTP: JSON of strangers", posts(strangers, JSON, dict), [login], cost=20)
    yield Target(
        "HTTP: a receiver's word", _hooked(asker), [b'n=1 t=1790000000 s=0 {"key":"k","who":"w"}'], cost=10
    )
    forms = ("/login", "/setup", "/activate", "/language")
    form = b"token=0&name=siti&password=x&again=x&code=a-b&next=%2Fincidents&to=en&back=%2F&full_name=S+B"
    yield Target("HTTP: forms of strangers", posts(forms, FORM, dict), [form], cost=40)
    people = (
        "/people",
        "/people/siti",
        "/factor/code",
        "/factor/begin",
        "/factor/confirm",
        "/people/nobody/reset",
    )
    ours = (
        b"csrf=%s&name=budi&full_name=B&roles=operator&roles=viewer&active=true&code=123456"
        % member[b"x-csrf-token"]
    )
    yield Target(
        "HTTP: forms of an administrator",
        posts(people, FORM, Member(hub, cookie).again(loop)),
        [ours],
        cost=60,
    )
    member = loop.run_until_complete(
        Member(hub, cookie).headers()
    )  # those forms have ended the session before
    # A form without the token in a header, so that the field of the form is read.
    yield Target(
        "HTTP: a form's own token",
        lambda data: asker.ask(
            "POST",
            "/people/nobody/reset",
            headers={b"content-type": FORM, b"cookie": member[b"cookie"]},
            body=data,
        ),
        [b"csrf=" + member[b"x-csrf-token"]],
        cost=20,
    )
    yield Target(
        "HTTP: session cookies",
        lambda data: asker.ask("GET", "/api/me", headers={b"cookie": data}),
        [member[b"cookie"], cookie + b"=a; siaga-lang=en", b"siaga-lang=id; " + member[b"cookie"]],
        cost=10,
    )
    yield Target(
        "HTTP: tokens of pages",
        lambda data: asker.ask(
            "POST", "/api/users/nobody/sessions/end", headers={**member, b"x-csrf-token": data}
        ),
        [member[b"x-csrf-token"]],
        cost=10,
    )
    pages = ("/login", "/incidents", "/events", "/factor")
    routes = ("/api/incidents", "/api/events", "/api/stations/hulu/series")
    looking = {b"cookie": member[b"cookie"], b"accept": b"text/html"}

    def query(data: bytes) -> None:
        # The server before the application refuses an address with other bytes in it.
        asked = b"".join(bytes((one,)) if 0x21 <= one <= 0x7E else b"%%%02X" % one for one in data)
        for path in (*pages, *routes):
            asker.ask("GET", path, headers=looking, query=asked)

    yield Target(
        "HTTP: queries",
        query,
        [
            b"which=open&part=list&about=press&since_ms=1&limit=2&minutes=60&next=%2Fbeds",
            b"limit=500&limit=1",
        ],
        cost=70,
    )


def _hooked(asker: Asker) -> Callable[[bytes], None]:
    """Nonce, timestamp and signature, each up to a space, then the body."""

    def feed(data: bytes) -> None:
        nonce, _, rest = data.partition(b" ")
        at, _, rest = rest.partition(b" ")
        signature, _, body = rest.partition(b" ")
        headers = {b"x-siaga-nonce": nonce, b"x-siaga-timestamp": at, b"x-siaga-signature": signature}
        for channel in ("desk-hook", "nobody"):
            asker.ask("POST", f"/api/hooks/{channel}", headers=headers, body=body)

    return feed


class Member:
    """Somebody with every role, whose session never ends for long."""

    def __init__(self, hub: Hub, cookie: bytes) -> None:
        self._hub = hub
        self._cookie = cookie

    async def headers(self) -> Headers:
        """Of a new session."""

        def start(conn: Any) -> str:
            # What was sent may have taken a role away, or let them come in no more.
            conn.execute(users.update().values(active=True, roles=" ".join(sorted(Role))))
            return sessions.start(conn, "siti", address="uji", now_ms=NOW)

        token = await self._hub.write(start)
        return {
            b"cookie": self._cookie + b"=" + token.encode(),
            b"x-csrf-token": sessions.csrf_token(token).encode(),
        }

    def again(self, loop: asyncio.AbstractEventLoop) -> Callable[[], Headers]:
        """New ones at each call."""
        return lambda: loop.run_until_complete(self.headers())


def _enrolment(folder: Path, register: Register, loop: asyncio.AbstractEventLoop) -> Iterator[Target]:
    Authority.create(folder, name="Kota Contoh")
    register.open()
    with register.transaction() as conn:
        token = claims.add(conn, Site("pos-duga-01", 7, "bendung-hulu"), hours=24, now_ms=NOW, actor="uji")
    mono_s = itertools.count(0, 1000)  # the throttle is no matter here
    enrolment = Enrolment(folder, register, changed=lambda cut_off: None)
    service = Service(enrolment, now_ms=lambda: NOW, mono_s=lambda: float(next(mono_s)))
    asker = Asker(service.app(), loop)
    login = b"Basic " + base64.b64encode(b"pos-duga-01:" + token.encode())

    def enrol(data: bytes) -> None:
        """Two bytes say how much of the rest is the authorisation."""
        size = int.from_bytes(data[:2], "big")
        headers = {b"authorization": data[2 : 2 + size], b"content-type": b"application/pkcs10"}
        for path in (f"{EST}/simpleenroll", f"{EST}/simplereenroll"):
            asker.ask("POST", path, headers=headers, body=data[2 + size :])

    body = base64.b64encode(request("pos-duga-01"))
    whole = len(login).to_bytes(2, "big") + login + body
    yield Target("HTTP: enrolment (EST)", enrol, [whole, b"\0\0" + body], cost=20)
