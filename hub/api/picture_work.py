"""Asking a gateway for a picture of a press, by API or console: on the trail and the timeline before it goes out."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.api import audit
from hub.api.access import Identity
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.api.work import Source
from hub.fleet.commands import Answer
from hub.incidents import pictures, reads
from hub.incidents.timeline import Actor


async def ask(
    hub: Services, who: Identity, source: Source, incident_id: str, *, gateway: str, file: str
) -> Answer:
    """Have a gateway send a picture of a press of this incident; its answer, which comes after the picture.

    Raises:
        ApiError: it is of no press of this incident, or this hub asks nobody.
        NotFoundError: there is no such incident.
    """
    if hub.commands is None or hub.pictures is None:
        raise ApiError("not_found")
    incident = await hub.db.read(lambda conn: reads.one(conn, incident_id))
    pressed = {(one["gateway"], one["event_id"]) for one in incident["pressed"]}
    if (gateway, file[:32]) not in pressed:
        raise ApiError("not_found")
    command = hub.commands.make("snapshot", who.user.name, {"file": file})

    def note(conn: Connection) -> None:
        now_ms = hub.clock.now_ms()
        detail = {"name": command.name, "nonce": command.nonce, "incident": incident_id, "file": file}
        audit.record(conn, who.user.name, "command", gateway, detail, now_ms=now_ms)
        actor = Actor(who.user.name, source)
        pictures.note_asked(conn, incident_id, gateway, file, actor=actor, now_ms=now_ms)

    await hub.db.write(note)
    _tell(hub, incident_id)
    hub.pictures.want(gateway, file)
    answer = await hub.commands.give(gateway, command)
    if not answer.ok:
        await hub.db.write(
            lambda conn: pictures.note_missed(
                conn, incident_id, gateway, file, answer.error, now_ms=hub.clock.now_ms()
            )
        )
    _tell(hub, incident_id)
    return answer


def _tell(hub: Services, incident_id: str) -> None:
    hub.bus.publish("incident", incident_id, {"action": "picture"})
