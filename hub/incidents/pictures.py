"""Pictures of an incident's presses: which gateways keep, which were asked for, which came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, select

from contract.codec import decode_body
from contract.errors import DecodeError
from contract.pictures import FILE
from hub.incidents import timeline
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.ingest.tables import events

WANTED_MS = 120_000
"""For so long a picture that was asked for is waited for."""

LATEST_MS = 24 * 3_600_000
"""So long after a press its pictures may be told of, where the gateway was not heard."""

ASKED, MISSED = "ask_picture", "miss_picture"
"""What the timeline says."""

Entry = Mapping[str, Any]

State = Literal["kept", "asked", "came", "missed"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a camera took at a press.

    Attributes:
        state: ``kept`` at its gateway, ``asked`` for and on its way, ``came``, or ``missed``: it was asked for and did
            not come.
        told_ms: when its gateway told of it.
        asked_ms, asked_by: the last time that somebody asked; None and empty where nobody has.
        attachment: its file's id, once it came at ``came_ms``.
        error: why it did not come, as far as anybody said.
    """

    gateway: str
    camera: str
    file: str
    told_ms: int
    state: State
    asked_ms: int | None = None
    asked_by: str = ""
    came_ms: int | None = None
    attachment: int | None = None
    error: str = ""


def note_asked(
    conn: Connection, incident_id: str, gateway: str, file: str, *, actor: Actor, now_ms: int
) -> None:
    """Somebody asks for a picture."""
    _note(conn, incident_id, ASKED, {"gateway": gateway, "file": file}, actor=actor, now_ms=now_ms)


def note_missed(
    conn: Connection, incident_id: str, gateway: str, file: str, error: str, *, now_ms: int
) -> None:
    """The gateway did not send it, and why."""
    data = {"gateway": gateway, "file": file, "error": error}
    _note(conn, incident_id, MISSED, data, actor=timeline.HUB, now_ms=now_ms)


def of(conn: Connection, incident: Mapping[str, Any], now_ms: int) -> list[Picture]:
    """The pictures of an incident, as ``reads.one`` shows it, in the order in which gateways told of them."""
    presses = {(one["gateway"], one["event_id"]) for one in incident["pressed"]}
    if not presses:
        return []
    received = [one["received_ms"] for one in incident["pressed"]]
    query = (
        select(events.c.gateway, events.c.device, events.c.body, events.c.received_ms)
        .where(
            events.c.gateway.in_({gateway for gateway, _ in presses}),
            events.c.kind == "camera_snapshot",
            events.c.received_ms >= min(received),
            events.c.received_ms <= max(received) + LATEST_MS,
            events.c.copy_of.is_(None),
        )
        .order_by(events.c.received_ms, events.c.id)
    )
    told = {(row.gateway, file): row for row in conn.execute(query) for file in _file(row.body)}
    return [
        _picture(Picture(gateway, row.device, file, row.received_ms, "kept"), incident, now_ms)
        for (gateway, file), row in told.items()
        if (gateway, file[:32]) in presses
    ]


def _file(body: bytes) -> Iterator[str]:
    """The name of the picture that an event tells of; nothing where it tells of none."""
    try:
        file = decode_body(body).data.get("file")
    except DecodeError:
        return
    if isinstance(file, str) and FILE.fullmatch(file):
        yield file


def _picture(picture: Picture, incident: Mapping[str, Any], now_ms: int) -> Picture:
    """What has become of a picture that a gateway keeps."""
    came = next((one for one in incident["attachments"] if one["name"] == picture.file), None)
    asked, missed = _last(incident["timeline"], ASKED, picture), _last(incident["timeline"], MISSED, picture)
    if asked is not None:
        overdue = now_ms >= asked["at_ms"] + WANTED_MS
        refused = missed is not None and missed["n"] > asked["n"]
        picture = replace(
            picture,
            state="missed" if refused or overdue else "asked",
            asked_ms=asked["at_ms"],
            asked_by=asked["actor"],
            error=missed["data"]["error"] if missed is not None and refused else "",
        )
    if came is not None:
        picture = replace(picture, state="came", came_ms=came["added_ms"], attachment=came["id"], error="")
    return picture


def _last(entries: Sequence[Entry], action: str, picture: Picture) -> Entry | None:
    """The newest entry of that kind about that picture."""
    about = (picture.gateway, picture.file)
    found = (one for one in reversed(entries) if one["action"] == action)
    return next((one for one in found if (one["data"]["gateway"], one["data"]["file"]) == about), None)


def _note(
    conn: Connection, incident_id: str, action: str, data: Mapping[str, str], *, actor: Actor, now_ms: int
) -> None:
    state = conn.execute(select(incidents.c.state).where(incidents.c.id == incident_id)).scalar_one()
    timeline.append(
        conn,
        incident_id,
        action,
        actor=actor,
        at_ms=now_ms,
        from_state=state,
        to_state=state,
        data=data,
    )
