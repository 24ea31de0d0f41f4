"""Commands of technicians to gateways."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api import audit
from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import COMMISSIONING
from hub.api.errors import ApiError

Text = Annotated[str, Field(max_length=128)]


class NewCommand(BaseModel):
    """What a gateway is to do."""

    name: Literal["read", "identify", "test", "restart", "diagnostics"]
    args: Annotated[dict[Annotated[str, Field(max_length=32)], Text], Field(max_length=8)] = {}


async def give(hub: Hub, who: Who, gateway: str, body: NewCommand) -> dict[str, Any]:
    """Perintah / Tell a gateway to do something, and wait for its answer. It is on the audit trail first."""
    known = {one["gateway"] for one in await hub.db.read(hub.gateways)}
    if hub.commands is None or gateway not in known:
        raise ApiError("not_found")
    command = hub.commands.make(body.name, who.user.name, body.args)

    def note(conn: Connection) -> None:
        detail = {"name": body.name, "nonce": command.nonce, **body.args}
        audit.record(conn, who.user.name, "command", gateway, detail, now_ms=hub.clock.now_ms())

    await hub.db.write(note)
    answer = await hub.commands.give(gateway, command)
    return {"nonce": command.nonce, "ok": answer.ok, "error": answer.error, "data": dict(answer.data)}


ROUTES = (Route("POST", "/api/gateways/{gateway}/commands", give, only(COMMISSIONING), "equipment"),)
