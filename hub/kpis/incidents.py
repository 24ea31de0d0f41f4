"""How many incidents there are, by kind and by state. Drills are no incidents of the city and are not counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, and_, func, or_, select

from hub.incidents.kinds import KINDS
from hub.incidents.machine import CLOSED, OPEN
from hub.incidents.tables import incidents
from hub.kpis.measures import INCIDENT_STATES, INCIDENTS
from hub.kpis.point import Point, Value, at

DAY_MS = 24 * 3_600_000
LONGEST_MS = 30 * DAY_MS
"""What was opened longer ago than this and is closed is not looked at again."""

NAMES = ("open", "unclaimed", "unverified", "opened_24h", "closed_24h", "false_24h")


def counted(conn: Connection, now_ms: int) -> Iterator[Point]:
    """The incidents of now and of the last day. Every kind and state has its point, so that none is a number and not
    a gap; where nobody waits, the longest wait is zero."""
    day_ms = now_ms - DAY_MS
    unclaimed = incidents.c.claimed_by.is_(None)
    lately = and_(
        incidents.c.opened_ms >= now_ms - LONGEST_MS,
        or_(incidents.c.closed_ms >= day_ms, incidents.c.opened_ms >= day_ms),
    )
    found = (
        select(
            incidents.c.kind,
            incidents.c.state,
            unclaimed.label("unclaimed"),
            (incidents.c.opened_ms >= day_ms).label("opened"),
            func.count().label("n"),
            func.min(incidents.c.opened_ms).label("oldest_ms"),
        )
        .where(incidents.c.drill.is_(None), or_(incidents.c.state.in_(OPEN), lately))
        .group_by("kind", "state", "unclaimed", "opened")
    )
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    states: Counter[str] = Counter()
    oldest: dict[str, int] = {}
    for row in conn.execute(found):
        of = counts.setdefault(row.kind, Counter())
        of["opened_24h"] += row.n * bool(row.opened)
        if row.state in CLOSED:
            of["closed_24h"] += row.n
            of["false_24h"] += row.n * (row.state == "false_alarm")
            continue
        states[row.state] += row.n
        of["open"] += row.n
        of["unverified"] += row.n * (row.state == "unverified")
        if row.unclaimed:
            of["unclaimed"] += row.n
            oldest[row.kind] = min(row.oldest_ms, oldest.get(row.kind, row.oldest_ms))
    rows: dict[tuple[str, ...], dict[str, Value]] = {
        (kind,): {
            **{name: of[name] for name in NAMES},
            "oldest_unclaimed_s": (now_ms - oldest.get(kind, now_ms)) / 1000,
        }
        for kind, of in counts.items()
    }
    yield from at(INCIDENTS, now_ms, rows)
    yield from at(INCIDENT_STATES, now_ms, {(state,): {"open": states[state]} for state in OPEN})
