"""The API and the pages as one ASGI application."""

from __future__ import annotations

import logging
import math
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse
from starlette.types import ASGIApp

from hub.api import errors
from hub.api.access import Route, add_routes, check_all, gate, only
from hub.api.auth.roles import EVERYONE
from hub.api.hardening import HardenedHeaders
from hub.api.rates import AddressLimit
from hub.api.routes.table import ROUTES
from hub.api.services import Services
from hub.console import fault
from hub.console.asset_files import Assets
from hub.console.page import Pages
from hub.console.routes.table import ROUTES as PAGES

log = logging.getLogger(__name__)

MOST_BODY_BYTES = 64 * 1024
"""No request to the API is larger."""


class Api(FastAPI):
    """FastAPI whose every answer, those of its own failures too, has the headers of the house."""

    tls = False

    def build_middleware_stack(self) -> ASGIApp:
        """The headers outside of all else: FastAPI puts what ``add_middleware`` gets inside its error answers."""
        limited = AddressLimit(super().build_middleware_stack(), self._wait_s, _refuse)
        return HardenedHeaders(limited, tls=self.tls)

    def _wait_s(self, address: str) -> float:
        services: Services = self.state.services
        return services.rates.by_address(address, now_ms=services.clock.mono_ms())


def _refuse(path: str, wait_s: float) -> ASGIApp:
    """The answer to an address that asks too much: made without a template, for it may be made often."""
    headers = {"Retry-After": str(math.ceil(wait_s))}
    if path.startswith("/api/"):
        return errors.answer("too_many_requests", headers=headers)
    status, *both = errors.CODES["too_many_requests"]
    return PlainTextResponse(" / ".join(both), status, headers=headers)


def create_app(services: Services) -> FastAPI:
    """The application.

    Raises:
        RouteError: a route does not declare who may use it.
    """
    app = Api(
        title="Siaga",
        version="1",
        summary="Pusat kendali kota / City command room",
        # The pages that FastAPI brings load scripts from elsewhere; the document is a route like any other.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(gate)],
        max_body_size=MOST_BODY_BYTES,
    )
    app.tls = services.secure_cookies
    app.state.services = services
    assets = Assets()
    if assets.missing:
        log.warning("assets_missing files=%s hint=%r", ",".join(assets.missing), "run setup/assets")
    app.state.pages = Pages(services.region, assets, lambda: app.state.services.directory().agencies)
    errors.install(app, fault.answer)
    add_routes(app, (*ROUTES, *PAGES, Route("GET", "/api/openapi.json", openapi, only(EVERYONE), "api")))
    check_all(app)
    return app


async def openapi(request: Request) -> dict[str, Any]:
    """Dokumen OpenAPI / This API as an OpenAPI document."""
    app: FastAPI = request.app
    return app.openapi()
