"""Scripts, styles and pictures."""

from __future__ import annotations

from fastapi import Request, Response

from hub.api.access import PUBLIC, Route
from hub.api.errors import ApiError
from hub.console.page import pages_of

FOR_EVER = "public, max-age=31536000, immutable"


async def asset(request: Request, name: str) -> Response:
    """Aset halaman / A script, style or picture, under a name that changes with its content."""
    found = pages_of(request).assets.served(name)
    if found is None:
        raise ApiError("not_found")
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    body = found.plain
    if found.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body = found.packed
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=found.media, headers=headers)


ROUTES = (
    Route(
        "GET",
        "/assets/{name}",
        asset,
        PUBLIC,
        "pages",
        {"response_class": Response, "include_in_schema": False},
    ),
)
