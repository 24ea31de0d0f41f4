"""Users, by administrators."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from hub.api.access import Hub, Route, Who, only
from hub.api.auth import users
from hub.api.auth.passwords import check_new
from hub.api.auth.roles import ADMINISTERING, Role
from hub.api.errors import ApiError

Password = Annotated[str, Field(min_length=1, max_length=256)]
RoleNames = Annotated[list[Role], Field(min_length=1, max_length=len(Role))]


class NewUser(BaseModel):
    """A user to make."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    full_name: Annotated[str, Field(max_length=200)] = ""
    roles: RoleNames
    password: Password
    agency: Annotated[str, Field(max_length=64)] | None = None


class UserChange(BaseModel):
    """What to change of a user; what is left out stays."""

    roles: RoleNames | None = None
    active: bool | None = None
    password: Password | None = None


async def list_users(hub: Hub) -> dict[str, Any]:
    """Pengguna / Every user."""
    return {"users": [_shown(user) for user in await hub.db.read(users.listed)]}


async def add_user(hub: Hub, who: Who, body: NewUser) -> dict[str, Any]:
    """Tambah pengguna / Make a user."""
    if body.agency is not None and body.agency not in hub.region.agencies:
        raise ApiError("invalid", f"there is no agency {body.agency!r}")
    check_new(body.password, name=body.name)
    hashed = await hub.passwords.hash_aside(body.password)
    user = await hub.db.write(
        lambda conn: users.add(
            conn,
            body.name,
            body.full_name,
            body.roles,
            hashed,
            actor=who.user.name,
            now_ms=hub.clock.now_ms(),
            agency=body.agency,
        )
    )
    return _shown(user)


async def change_user(hub: Hub, who: Who, name: str, body: UserChange) -> dict[str, Any]:
    """Ubah pengguna / Change a user's roles, password, or whether they may come in; their sessions end."""
    hashed = None
    if body.password is not None:
        check_new(body.password, name=name)
        hashed = await hub.passwords.hash_aside(body.password)
    user = await hub.db.write(
        lambda conn: users.change(
            conn,
            name,
            actor=who.user.name,
            now_ms=hub.clock.now_ms(),
            roles=body.roles,
            active=body.active,
            password_hash=hashed,
        )
    )
    return _shown(user)


def _shown(user: users.User) -> dict[str, Any]:
    return {
        "name": user.name,
        "full_name": user.full_name,
        "roles": sorted(user.roles),
        "agency": user.agency,
        "active": user.active,
        "created_ms": user.created_ms,
    }


ROUTES = (
    Route("GET", "/api/users", list_users, only(ADMINISTERING), "users"),
    Route("POST", "/api/users", add_user, only(ADMINISTERING), "users"),
    Route("POST", "/api/users/{name}", change_user, only(ADMINISTERING), "users"),
)
