"""Who may use the control page: a browser on this machine that has the page itself open, and nobody else.

It has no login. Another web page in the same browser could still send requests to 127.0.0.1, or have its name resolved
to it; so the host must be ours, a change must come from our own page, and must carry the token that only that page can
read.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

TOKEN_HEADER = "X-Control-Token"
SAFE = frozenset({"GET", "HEAD"})


def refusal(method: str, headers: Headers, *, hosts: Iterable[str], token: str) -> str:
    """Why a request is not served; empty where it is."""
    host = headers.get("host", "").lower()
    if host not in hosts:
        return "host"
    if method in SAFE:
        return ""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "site"
    if headers.get("origin", f"http://{host}").lower() != f"http://{host}":
        return "origin"
    if not hmac.compare_digest(headers.get(TOKEN_HEADER, "").encode(), token.encode()):
        return "token"
    return ""


class Guard:
    """Stands before the application."""

    def __init__(self, app: ASGIApp, *, port: int, token: str) -> None:
        self._app = app
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or refuse it with the reason."""
        if scope["type"] == "http":
            why = refusal(scope["method"], Headers(scope=scope), hosts=self._hosts, token=self._token)
            if why:
                await JSONResponse({"refused": why}, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)
