"""How many alarms there are, by priority, and how good they are for who gets them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from hub.alarms import reads
from hub.alarms.machine import ACTIVE, UNSEEN, WITHHELD
from hub.alarms.quality import Quality
from hub.alarms.tables import alarms
from hub.kpis.measures import ALARM_QUALITY, ALARMS
from hub.kpis.point import Point, Value, at

SEVERITIES = range(4)
WORST = 4
"""Priority 1 is severity 3."""

QUALITY_MS = 24 * 3_600_000
"""The figures of alarm quality are over this long."""


def counted(conn: Connection, now_ms: int) -> Iterator[Point]:
    """The alarms of now. Every priority has its point, so that none is a number and not a gap."""
    found = select(alarms.c.severity, alarms.c.state, func.count(), func.min(alarms.c.raised_ms)).where(
        alarms.c.state != "normal"
    )
    active: defaultdict[int, int] = defaultdict(int)
    unseen: defaultdict[int, int] = defaultdict(int)
    withheld: defaultdict[int, int] = defaultdict(int)
    oldest: dict[int, int] = {}
    for severity, state, count, raised_ms in conn.execute(found.group_by(alarms.c.severity, alarms.c.state)):
        active[severity] += count * (state in ACTIVE)
        withheld[severity] += count * (state in WITHHELD)
        if state in UNSEEN:
            unseen[severity] += count
            oldest[severity] = min(raised_ms, oldest.get(severity, raised_ms))
    rows: dict[tuple[str, ...], dict[str, Value]] = {
        (str(WORST - severity),): {
            "active": active[severity],
            "unacknowledged": unseen[severity],
            "withheld": withheld[severity],
            "oldest_s": (now_ms - oldest[severity]) / 1000 if severity in oldest else None,
        }
        for severity in SEVERITIES
    }
    return at(ALARMS, now_ms, rows)


def quality(conn: Connection, now_ms: int, operators: int) -> Iterator[Point]:
    """The figures of the last day beside what is recommended."""
    found: Quality = reads.quality_of(conn, since_ms=now_ms - QUALITY_MS, now_ms=now_ms, operators=operators)
    return at(
        ALARM_QUALITY,
        now_ms,
        {(one.key,): {"value": one.value, "limit": one.limit, "off": int(one.off)} for one in found.figures},
    )
