"""Every route of the API: the tables of all subjects in one."""

from hub.api.access import Route
from hub.api.routes import (
    alarms,
    app_presses,
    audit,
    cap,
    city,
    commands,
    drills,
    equipment,
    factor,
    hooks,
    incidents,
    login,
    notices,
    pictures,
    reports,
    second_path,
    stream,
    users,
)

ROUTES: tuple[Route, ...] = (
    *login.ROUTES,
    *factor.ROUTES,
    *incidents.ROUTES,
    *app_presses.ROUTES,
    *alarms.ROUTES,
    *notices.ROUTES,
    *hooks.ROUTES,
    *city.ROUTES,
    *equipment.ROUTES,
    *commands.ROUTES,
    *second_path.ROUTES,
    *pictures.ROUTES,
    *drills.ROUTES,
    *stream.ROUTES,
    *cap.ROUTES,
    *reports.ROUTES,
    *users.ROUTES,
    *audit.ROUTES,
)
