"""What a page says when something is wrong: a page of its own, or one line for the page that is open."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from hub.api.access import Identity, hub_of
from hub.api.errors import CODES, ApiError, Fault
from hub.console.language import language_of
from hub.console.page import pages_of, whole

_LEADS = {"not_logged_in": "/login", "second_factor": "/factor"}
"""The page that gives what is missing."""


class SaidError(ApiError):
    """An error that says what to do, by a message id; for what a form lacks."""

    def __init__(self, code: str, msgid: str) -> None:
        super().__init__(code, msgid)
        self.told = True


def answer(request: Request, fault: Fault) -> Response:
    """The answer to a request for a page or a part of one."""
    status, indonesian, english = CODES[fault.code]
    context: dict[str, Any] = {
        "code": fault.code,
        "said": {"id": indonesian, "en": english},
        "more": fault.detail if fault.told else "",
    }
    if not _opens_a_page(request):
        html = pages_of(request).render(language_of(request), "fault_line.html", context)
        return HTMLResponse(html, status, headers=dict(fault.headers or {}))
    leads = _LEADS.get(fault.code)
    if leads is not None and request.method == "GET":
        return RedirectResponse(f"{leads}?next=" + quote(_asked(request), safe=""), 303)
    who: Identity | None = getattr(request.state, "identity", None)
    context["now_ms"] = hub_of(request).clock.now_ms()
    found = whole(request, who, "fault.html", context, status=status)
    found.headers.update(fault.headers or {})
    return found


def _opens_a_page(request: Request) -> bool:
    """Whether a browser would show the answer as a page; a script of an open page must learn what is wrong instead."""
    return "text/html" in request.headers.get("accept", "") and "hx-request" not in request.headers


def _asked(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")
