"""What is to be done for an incident of a kind (SOP), and what of it somebody has ticked off."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from hub.incidents import timeline
from hub.incidents.machine import CLOSED, NotFoundError, TransitionError
from hub.incidents.tables import checklist_ticks, incidents
from hub.incidents.timeline import Actor
from hub.region import Region


def of(conn: Connection, region: Region, incident: Row[Any]) -> list[dict[str, Any]]:
    """The items of an incident's kind in their order, with who has done each; ``done_by`` null where nobody has."""
    query = select(checklist_ticks).where(checklist_ticks.c.incident_id == incident.id)
    ticks = {tick.item: tick for tick in conn.execute(query)}
    found = []
    for item in region.checklists.get(incident.kind, ()):
        tick = ticks.get(item.id)
        found.append(
            {
                "id": item.id,
                "text": {"id": item.text, "en": item.english},
                "done_by": tick.done_by if tick else None,
                "done_ms": tick.done_ms if tick else None,
                "note": tick.note if tick else "",
            }
        )
    return found


def tick(
    conn: Connection,
    region: Region,
    incident_id: str,
    item: str,
    *,
    done: bool,
    actor: Actor,
    now_ms: int,
    note: str = "",
) -> bool:
    """An item was done, or was not after all; False where that is on record already. It stays on the timeline.

    Raises:
        NotFoundError: there is no such incident, or its kind has no such item.
        TransitionError: it is closed.
    """
    row = conn.execute(select(incidents).where(incidents.c.id == incident_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no incident {incident_id!r}")
    if item not in (one.id for one in region.checklists.get(row.kind, ())):
        raise NotFoundError(f"the checklist of {row.kind} has no {item!r}")
    if row.state in CLOSED:
        raise TransitionError("a closed incident has nothing more to do", "reopen it first")
    this = (checklist_ticks.c.incident_id == incident_id, checklist_ticks.c.item == item)
    there = conn.execute(select(checklist_ticks).where(*this)).first() is not None
    if there == done:
        return False
    if done:
        values = {"done_by": actor.name, "done_ms": now_ms, "note": note}
        conn.execute(insert(checklist_ticks), {"incident_id": incident_id, "item": item, **values})
    else:
        conn.execute(delete(checklist_ticks).where(*this))
    timeline.append(
        conn,
        incident_id,
        "tick" if done else "untick",
        actor=actor,
        at_ms=now_ms,
        from_state=row.state,
        to_state=row.state,
        note=note,
        data={"item": item},
    )
    return True
