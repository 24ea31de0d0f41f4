"""What people are called on the pages."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.api.auth import users


def full_names(conn: Connection) -> dict[str, str]:
    """Full names by user names; the user name where there is no other."""
    return {user.name: user.full_name or user.name for user in users.listed(conn)}
