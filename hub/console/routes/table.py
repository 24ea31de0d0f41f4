"""Every page: the tables of all subjects in one."""

from hub.api.access import Route
from hub.console.routes import (
    activation,
    advisories,
    agencies,
    alarms,
    assets,
    beds,
    commissioning,
    events,
    factor,
    gateways,
    incidents,
    live,
    login,
    oidc,
    overview,
    people,
    rivers,
    rules,
)

ROUTES: tuple[Route, ...] = (
    *assets.ROUTES,
    *login.ROUTES,
    *oidc.ROUTES,
    *factor.ROUTES,
    *activation.ROUTES,
    *overview.ROUTES,
    *incidents.ROUTES,
    *alarms.ROUTES,
    *events.ROUTES,
    *live.ROUTES,
    *rivers.ROUTES,
    *advisories.ROUTES,
    *beds.ROUTES,
    *gateways.ROUTES,
    *commissioning.ROUTES,
    *rules.ROUTES,
    *agencies.ROUTES,
    *people.ROUTES,
)
