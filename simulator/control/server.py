"""The control page's own small web application, on 127.0.0.1 only, in the demo's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from hub.api.hardening import HardenedHeaders
from hub.console.language import COOKIE, LANGUAGES
from hub.serving import Serving
from simulator.control import words
from simulator.control.actions import ACTIONS, Order, UnknownError, name_of, river_top_m
from simulator.control.guard import Guard
from simulator.control.state import Diary, severity, state
from simulator.interference import Interference, Refused
from simulator.processes import ServerFailed, Wish
from simulator.rehearsal import Rehearsal
from simulator.scenario import Story
from simulator.telling import LOGINS

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
MOST_BYTES = 4096


class Asked(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a visitor wants done."""

    action: str
    target: str = ""
    level_m: float = 0.0


class ControlPage:
    """``async with ControlPage(city, hands, port) as page``: it listens inside the block.

    Args:
        port: where it listens.
        tell: told in two languages of each thing that a visitor does.
        story: where the story is, None where none is told.
    """

    def __init__(
        self,
        city: Rehearsal,
        hands: Interference,
        port: Wish,
        *,
        tell: Callable[[str, str], None] = lambda *_: None,
        story: Callable[[], Story | None] = lambda: None,
    ) -> None:
        self._city = city
        self._hands = hands
        self._wished = port
        self._tell = tell
        self._story = story
        self._diary = Diary()
        self._serving: asyncio.Task[None] | None = None
        self._server: Serving
        self._html = Environment(
            loader=FileSystemLoader(HERE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.port = 0
        self.token = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> ControlPage:
        self.port = self._wished.choose()
        self._server = Serving("127.0.0.1", self.port, tls=False, grace_s=1)
        app = HardenedHeaders(Guard(self._app(), port=self.port, token=self.token), tls=False)
        self._serving = asyncio.create_task(self._server.run(app), name="control page")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._serving is not None
        self._server.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._serving, 5)
        self._server.close()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/state", self._state),
                Route("/do", self._do, methods=["POST"]),
                Route("/language/{to}", self._language),
                Route("/look/{name}", self._look),
            ]
        )

    async def _page(self, request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        language = request.cookies.get(COOKIE, "")
        at = LANGUAGES.index(language) if language in LANGUAGES else 0
        html = self._html.get_template("page.html").render(
            region=self._city.region,
            plans=self._city.plans,
            now=state(self._city.region, self._hands, self._diary, self._story()),
            lang=LANGUAGES[at],
            other=LANGUAGES[1 - at],
            say=lambda name: words.WORDS[name][at],
            script_words={name: both[at] for name, both in words.WORDS.items()},
            name_of=lambda target: name_of(self._city.region, target),
            top_m=river_top_m,
            severity=severity,
            codes=self._codes(),
            pages=str(self._city.api.base_url).rstrip("/"),
            nonce=nonce,
            token=self.token,
        )
        return HTMLResponse(html, headers={"Content-Security-Policy": POLICY.format(nonce=nonce)})

    async def _state(self, request: Request) -> Response:
        now = state(self._city.region, self._hands, self._diary, self._story())
        return JSONResponse({**now, "codes": self._codes()})

    def _codes(self) -> dict[str, str]:
        """What the telephones of those users show now whose logins visitors have."""
        logins = self._city.logins
        return {name: logins[name].code for name, _, _ in LOGINS if name in logins and logins[name].secret}

    async def _language(self, request: Request) -> Response:
        back = RedirectResponse("/", 303)
        if request.path_params["to"] in LANGUAGES:
            back.set_cookie(COOKIE, request.path_params["to"], max_age=365 * 86_400, samesite="lax")
        return back

    async def _look(self, request: Request) -> Response:
        """The console's own style sheet and mark, and the two files that are particular here."""
        console = files("hub.console") / "assets"
        place = {
            "siaga.css": (console / "siaga.css", "text/css"),
            "siaga.svg": (console / "siaga.svg", "image/svg+xml"),
            "control.css": (HERE / "control.css", "text/css"),
            "control.js": (HERE / "control.js", "text/javascript"),
        }.get(request.path_params["name"])
        if place is None:
            return Response(status_code=404)
        return Response(place[0].read_text(encoding="utf-8"), media_type=place[1])

    async def _do(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return JSONResponse({"refused": "size"}, 413)
        try:
            wish = msgspec.json.decode(body, type=Asked)
        except msgspec.DecodeError as error:
            return JSONResponse({"refused": "invalid", "why": str(error)}, 422)
        try:
            return JSONResponse(await self._carry_out(wish))
        except UnknownError:
            return JSONResponse({"refused": "unknown"}, 404)
        except Refused as refused:
            return self._not_done(refused.id, refused.en, 409)
        except ServerFailed as failed:
            said = str(failed).partition("\n")[0]
            return self._not_done(f"gagal: {said}", f"failed: {said}", 503)

    async def _carry_out(self, wish: Asked) -> dict[str, Any]:
        action = ACTIONS.get(wish.action)
        if action is None:
            raise UnknownError(wish.action)
        await action.do(Order(self._hands, self._city.region, wish.target, wish.level_m))
        name = name_of(self._city.region, wish.target)
        if wish.action == "river":
            name += f": {wish.level_m:.2f} m"
        said = (action.done[0].format(name), action.done[1].format(name))
        self._tell(*said)
        done = self._diary.note(said, ok=True, look=action.look, page=action.page)
        return {"number": done.number}

    def _not_done(self, said_id: str, said_en: str, status: int) -> Response:
        self._diary.note((said_id, said_en), ok=False)
        return JSONResponse({"refused": "now", "id": said_id, "en": said_en}, status)
