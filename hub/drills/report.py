"""A drill's report: how long each step took, for whom, and that nobody real was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from hub.drills import register
from hub.incidents import timeline
from hub.incidents.tables import incidents
from hub.notify import answers, facts
from hub.notify.facts import FACTS
from hub.notify.fence import is_exercise
from hub.notify.tables import outbox

STEPS: Mapping[str, tuple[str, str]] = {
    "acknowledge": ("Diakui", "Acknowledged"),
    "verify": ("Diverifikasi", "Verified"),
    "assign": ("Ditugaskan", "Assigned"),
    "accept": ("Diterima dinas", "Accepted by an agency"),
    "depart": ("Menuju lokasi", "On the way"),
    "arrive": ("Di lokasi", "On scene"),
    "contain": ("Terkendali", "Contained"),
    "complete": ("Selesai oleh dinas", "Done by an agency"),
    "finish": ("Selesai", "Done"),
    "cancel": ("Diakhiri", "Ended"),
}
"""Steps of the timeline that a drill is judged by, in the order in which they should come."""


def of(conn: Connection, drill: str) -> dict[str, Any]:
    """The report, for a page and as JSON. Times are ms UTC, durations seconds since the drill began.

    Raises:
        NotFoundError: there is no such drill.
    """
    its = register.get(conn, drill)
    incident = conn.execute(select(incidents).where(incidents.c.id == its["incident_id"])).one()
    began_ms = its["started_ms"]
    rows = conn.execute(
        select(outbox).where(outbox.c.incident_id == incident.id).order_by(outbox.c.created_ms, outbox.c.key)
    ).all()
    asked = answers.of_incident(conn, incident.id)
    return {
        **its,
        "number": incident.number,
        "state": incident.state,
        "place": incident.place,
        "lasted_s": None if its["ended_ms"] is None else _since(began_ms, its["ended_ms"]),
        "steps": _steps(timeline.entries(conn, incident.id), began_ms),
        "contacts": [_contact(one, conn, rows, began_ms) for one in asked],
        "notices": len(rows),
        "outside": sum(not is_exercise(row.channel) for row in rows),
    }


def _steps(entries: Sequence[Mapping[str, Any]], began_ms: int) -> list[dict[str, Any]]:
    """The first time of each step; a step that nobody took is there, with no time: that is what a drill finds."""
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        found.setdefault(entry["action"], entry)
    return [
        {
            "step": step,
            "id": names[0],
            "en": names[1],
            "at_ms": found[step]["at_ms"] if step in found else None,
            "after_s": _since(began_ms, found[step]["at_ms"]) if step in found else None,
            "by": found[step]["actor"] if step in found else None,
        }
        for step, names in STEPS.items()
    ]


def _contact(
    asked: Mapping[str, Any], conn: Connection, rows: Sequence[Any], began_ms: int
) -> dict[str, Any]:
    """What one contact was asked, what of it is proven, and when they answered."""
    proven: dict[str, float | None] = dict.fromkeys(FACTS)
    for row in rows:
        if row.ask == asked["ask"]:
            for fact, proof in facts.of_notice(conn, row.key).items():
                if proof is not None:
                    at_s, known_s = _since(began_ms, proof["at_ms"]), proven[fact]
                    proven[fact] = at_s if known_s is None else min(at_s, known_s)
    return {
        "contact": asked["contact"],
        "name": asked["name"],
        "agency": asked["agency"],
        "asked_s": _since(began_ms, asked["asked_ms"]),
        "proven_s": proven,
        "answers": [
            {"word": one["word"], "source": one["source"], "after_s": _since(began_ms, one["at_ms"])}
            for one in asked["answers"]
        ],
    }


def _since(began_ms: int, at_ms: int) -> float:
    return round((at_ms - began_ms) / 1000, 3)
