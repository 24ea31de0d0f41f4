"""Every page: the tables of all subjects in one."""

from hub.api.access import Route
from hub.console.routes import assets, beds, events, gateways, incidents, live, login, overview, rivers

ROUTES: tuple[Route, ...] = (
    *assets.ROUTES,
    *login.ROUTES,
    *overview.ROUTES,
    *incidents.ROUTES,
    *events.ROUTES,
    *live.ROUTES,
    *rivers.ROUTES,
    *beds.ROUTES,
    *gateways.ROUTES,
)
