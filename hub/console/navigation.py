"""Where one can go from each page: a row a page, shown to the roles that may open it."""

from __future__ import annotations

from dataclasses import dataclass

from hub.api.auth.roles import (
    ADMINISTERING,
    CALLING,
    COMMISSIONING,
    PLANT,
    REPORTING,
    WATCHING,
    WORKING,
    Roles,
)
from hub.console.language import marked as _


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in the navigation; ``title`` is a message id, ``key`` what one types after ``g``."""

    path: str
    title: str
    key: str
    roles: Roles


ENTRIES = (
    Entry("/", _("Overview"), "o", WATCHING),
    Entry("/incidents", _("Incidents"), "i", WATCHING),
    Entry("/shift", _("Watch"), "j", WORKING),
    Entry("/alarms", _("Alarms"), "a", WATCHING),
    Entry("/rivers", _("Rivers"), "r", WATCHING),
    Entry("/advisories", _("Outside warnings"), "w", WATCHING),
    Entry("/beds", _("Beds"), "b", WATCHING),
    Entry("/gateways", _("Gateways"), "g", PLANT),
    Entry("/events", _("Events"), "e", PLANT),
    Entry("/commissioning", _("Commissioning"), "c", COMMISSIONING),
    Entry("/rules", _("Rules"), "u", PLANT),
    Entry("/drills", _("Drills"), "x", WATCHING),
    Entry("/reports", _("Reports"), "l", REPORTING),
    Entry("/agencies", _("Agencies"), "d", CALLING),
    Entry("/people", _("People"), "p", ADMINISTERING),
)


def entries(roles: Roles) -> tuple[Entry, ...]:
    """The places that are open to someone with these roles."""
    return tuple(entry for entry in ENTRIES if entry.roles & roles)
