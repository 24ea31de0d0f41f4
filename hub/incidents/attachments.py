"""Files that belong to an incident: a photo, a report. Kept with it, and gone with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, insert, select

from hub.incidents import timeline
from hub.incidents.machine import NotFoundError, TransitionError
from hub.incidents.tables import attachments, incidents
from hub.incidents.timeline import Actor

MOST_BYTES = 5 * 1024 * 1024
MOST_EACH = 20
"""Most files of one incident."""

BEGINNINGS: Mapping[str, bytes] = MappingProxyType(
    {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "application/pdf": b"%PDF-"}
)
"""What is taken, by how its content begins; what it is called, or said to be, counts for nothing."""


def add(conn: Connection, incident_id: str, name: str, content: bytes, *, actor: Actor, now_ms: int) -> int:
    """Keep a file with an incident, also a closed one; its id. The same content again is the same file.

    Raises:
        NotFoundError: there is no such incident.
        TransitionError: it is of no kind that is taken, too large, or one too many.
    """
    row = conn.execute(select(incidents).where(incidents.c.id == incident_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no incident {incident_id!r}")
    media_type = next((kind for kind, begins in BEGINNINGS.items() if content.startswith(begins)), None)
    if media_type is None or len(content) > MOST_BYTES:
        raise TransitionError("this file is not taken", "a JPEG, PNG or PDF of at most 5 MB")
    sha256 = hashlib.sha256(content).hexdigest()
    there = {one["sha256"]: one["id"] for one in listed(conn, incident_id)}
    if sha256 in there:
        return int(there[sha256])
    if len(there) >= MOST_EACH:
        raise TransitionError(f"it has {MOST_EACH} files already")
    # The name comes from another machine: its last part, and of that no line breaks.
    plain = " ".join(PurePosixPath(name.replace("\\", "/")).name.split())[:120] or "file"
    values = {
        "incident_id": incident_id,
        "name": plain,
        "media_type": media_type,
        "size": len(content),
        "sha256": sha256,
        "content": content,
        "added_by": actor.name,
        "added_ms": now_ms,
    }
    made = conn.execute(insert(attachments).returning(attachments.c.id), values).scalar_one()
    timeline.append(
        conn,
        incident_id,
        "attach",
        actor=actor,
        at_ms=now_ms,
        from_state=row.state,
        to_state=row.state,
        data={"name": plain, "sha256": sha256},
    )
    return int(made)


def listed(conn: Connection, incident_id: str) -> list[dict[str, Any]]:
    """The files of an incident without their content."""
    wanted = [column for column in attachments.c if column.name not in ("content", "incident_id")]
    query = select(*wanted).where(attachments.c.incident_id == incident_id).order_by(attachments.c.id)
    return [dict(row._mapping) for row in conn.execute(query)]


def content(conn: Connection, incident_id: str, attachment_id: int) -> tuple[str, str, bytes]:
    """Name, media type and content of a file.

    Raises:
        NotFoundError: the incident has no such file.
    """
    row = conn.execute(
        select(attachments).where(attachments.c.incident_id == incident_id, attachments.c.id == attachment_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"incident {incident_id!r} has no file {attachment_id}")
    return row.name, row.media_type, row.content
