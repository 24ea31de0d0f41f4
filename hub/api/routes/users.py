"""Users, by administrators."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api import people
from hub.api.access import Hub, Route, Who, only
from hub.api.auth import users
from hub.api.auth.roles import ADMINISTERING, Role

Password = Annotated[str, Field(min_length=1, max_length=256)]
RoleNames = Annotated[list[Role], Field(min_length=1, max_length=len(Role))]


class NewUser(BaseModel):
    """A user to make; without a password the answer has a set-up code with which they choose one."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    full_name: Annotated[str, Field(max_length=200)] = ""
    roles: RoleNames
    password: Password | None = None
    agency: Annotated[str, Field(max_length=64)] | None = None


class UserChange(BaseModel):
    """What to change of a user; what is left out stays."""

    roles: RoleNames | None = None
    active: bool | None = None
    password: Password | None = None


class Reset(BaseModel):
    """What the user has lost beside the password."""

    factor: bool = False


async def list_users(hub: Hub) -> dict[str, Any]:
    """Pengguna / Every user, and how their login stands."""
    found = await hub.db.read(lambda conn: people.everyone(hub, conn))
    return {"users": [_standing(person) for person in found]}


async def add_user(hub: Hub, who: Who, body: NewUser) -> dict[str, Any]:
    """Tambah pengguna / Make a user; without a password the answer has their one-time set-up code."""
    new = people.NewPerson(body.name, body.full_name, body.roles, body.agency, body.password)
    user, code = await people.add(hub, who, new)
    return _shown(user) | (_code(code) if code is not None else {})


async def change_user(hub: Hub, who: Who, name: str, body: UserChange) -> dict[str, Any]:
    """Ubah pengguna / Change a user's roles, password, or whether they may come in; their sessions end."""
    user = await people.change(hub, who, name, roles=body.roles, active=body.active, password=body.password)
    return _shown(user)


async def reset(hub: Hub, who: Who, name: str, body: Reset) -> dict[str, Any]:
    """Setel ulang / A new one-time set-up code for somebody else; their password and sessions end."""
    return _code(await people.reset(hub, who, name, factor=body.factor))


async def list_sessions(hub: Hub, name: str) -> dict[str, Any]:
    """Sesi / A user's sessions that are good now."""

    def read(conn: Connection) -> list[dict[str, Any]]:
        users.get(conn, name)
        return people.sessions_of(hub, conn, name)

    return {"sessions": await hub.db.read(read)}


async def end_sessions(hub: Hub, who: Who, name: str) -> dict[str, Any]:
    """Akhiri sesi / End every session of a user."""
    return {"ended": await people.end_sessions(hub, who, name)}


def _shown(user: users.User) -> dict[str, Any]:
    return {
        "name": user.name,
        "full_name": user.full_name,
        "roles": sorted(user.roles),
        "agency": user.agency,
        "active": user.active,
        "created_ms": user.created_ms,
    }


def _standing(person: people.Person) -> dict[str, Any]:
    factor = person.factor
    return _shown(person.user) | {
        "second_factor": None
        if factor is None
        else {"since_ms": factor.since_ms, "recovery_left": factor.recovery_left},
        "lacks_factor": person.lacks_factor,
        "sessions": person.sessions,
        "seen_ms": person.seen_ms,
        "code_until_ms": person.code_until_ms,
        "issuer": person.issuer,
    }


def _code(code: people.Code) -> dict[str, Any]:
    return {"setup_code": code.text, "code_until_ms": code.until_ms}


ROUTES = (
    Route("GET", "/api/users", list_users, only(ADMINISTERING), "users"),
    Route("POST", "/api/users", add_user, only(ADMINISTERING), "users"),
    Route("POST", "/api/users/{name}", change_user, only(ADMINISTERING), "users"),
    Route("POST", "/api/users/{name}/reset", reset, only(ADMINISTERING), "users"),
    Route("GET", "/api/users/{name}/sessions", list_sessions, only(ADMINISTERING), "users"),
    Route("POST", "/api/users/{name}/sessions/end", end_sessions, only(ADMINISTERING), "users"),
)
