"""The API as one ASGI application."""

from __future__ import annotations

from fastapi import FastAPI

from hub.api.services import Services


def create_app(services: Services) -> FastAPI:
    """The application.

    Raises:
        RouteError: a route does not declare who may use it.
    """
    app = FastAPI(title="Siaga")
    app.state.services = services
    return app
