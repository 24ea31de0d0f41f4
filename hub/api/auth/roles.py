"""Roles, and what each is for. A user has one or more; a route names those that may use it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What a user may be."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    DISPATCHER = "dispatcher"
    TECHNICIAN = "technician"
    AGENCY = "agency"
    EXECUTIVE = "executive"
    AUDITOR = "auditor"
    ADMIN = "admin"


ROLE_LABELS: Mapping[Role, tuple[str, str]] = MappingProxyType(
    {
        Role.VIEWER: ("Layar", "Viewer"),
        Role.OPERATOR: ("Operator", "Operator"),
        Role.DISPATCHER: ("Pengendali", "Dispatcher"),
        Role.TECHNICIAN: ("Teknisi", "Technician"),
        Role.AGENCY: ("Dinas", "Agency"),
        Role.EXECUTIVE: ("Pimpinan", "Executive"),
        Role.AUDITOR: ("Auditor", "Auditor"),
        Role.ADMIN: ("Administrator", "Administrator"),
    }
)

Roles = frozenset[Role]

EVERYONE: Roles = frozenset(Role)
"""Every user who is logged in."""

WATCHING: Roles = EVERYONE - {Role.AGENCY}
"""Who sees the city's state: alarms, incidents, rivers, beds."""

WORKING: Roles = frozenset({Role.OPERATOR, Role.DISPATCHER})
"""Who works on alarms and incidents. An administrator who does needs the role as well."""

DISPATCHING: Roles = frozenset({Role.DISPATCHER})
"""Who decides what agencies get."""

SERVICING: Roles = frozenset({Role.OPERATOR, Role.DISPATCHER, Role.TECHNICIAN})
"""Who takes an alarm out of service while its instrument is repaired, and lets it ring again."""

PLANT: Roles = frozenset({Role.OPERATOR, Role.DISPATCHER, Role.TECHNICIAN, Role.AUDITOR, Role.ADMIN})
"""Who sees the equipment: gateways, pipeline, dead letters, raw events."""

PERSONS: Roles = EVERYONE - {Role.VIEWER}
"""Who is one person with a login of their own; a wall is nobody, and changes nothing, its own login neither."""

SECOND_FACTOR: Roles = frozenset({Role.ADMIN, Role.DISPATCHER})
"""Who comes in by a password and a second factor, or not at all."""

COMMISSIONING: Roles = frozenset({Role.TECHNICIAN})
"""Who proves on site that a gateway works, and signs for it."""

CALLING: Roles = frozenset({Role.OPERATOR, Role.DISPATCHER, Role.AUDITOR, Role.ADMIN})
"""Who sees whom an agency's notices go to, with their telephone numbers."""

REPORTING: Roles = frozenset({Role.OPERATOR, Role.DISPATCHER, Role.EXECUTIVE, Role.AUDITOR, Role.ADMIN})
"""Who reads what became of incidents, by shift and by month."""

ROUTING: Roles = frozenset({Role.DISPATCHER, Role.ADMIN})
"""Who says which agency is told of what, and who is on duty there."""

KEEPING: Roles = frozenset({Role.DISPATCHER, Role.ADMIN})
"""Who writes down what the city's programmes have reached."""

AUDITING: Roles = frozenset({Role.AUDITOR})
"""Who reads the audit trail."""

ADMINISTERING: Roles = frozenset({Role.ADMIN})
"""Who gives and takes roles."""


def parse(names: Iterable[str]) -> Roles:
    """Roles by their names.

    Raises:
        ValueError: a name is none, or there are none at all.
    """
    roles = frozenset(Role(name) for name in names)
    if not roles:
        raise ValueError("a user has at least one role")
    return roles
