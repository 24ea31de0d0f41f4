"""How many people have come today, by place, so that nobody can be told from it.

A number is rounded down to whole fives and left out below five: neither a small number, nor the step from one to the
next, nor what is left when the places are taken from the city, says something of one person. It is of its own time, not
of the moment when it is written: written again, by a hub that started anew, it tells no more than before.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from contract.codec import decode_body
from contract.errors import DecodeError
from hub.ingest.reads import PERSONAL
from hub.ingest.tables import events
from hub.kpis.measures import ATTENDANCE, Measure
from hub.kpis.point import Point, Value, at, on_grid

LEAST = 5
"""Fewer people than this are not told, and others in steps of as many."""

ROWS_AT_ONCE = 1000


def told(people: int) -> int | None:
    """The number that may be told of so many people; None where none may."""
    return people // LEAST * LEAST or None


def came(
    conn: Connection, sites: Iterable[str], zone: ZoneInfo, now_ms: int, measure: Measure = ATTENDANCE
) -> Iterator[Point]:
    """People who scanned before the point's time on its day by the city's clock, each once at each place.

    Args:
        sites: places that have a reader, as far as is known; others appear with their first scan.
        measure: with its pace.
    """
    t_ms = on_grid(measure, now_ms)
    begin_ms = day_begin_ms(zone, t_ms)
    people: defaultdict[str, set[str]] = defaultdict(set)
    for site in sites:
        people[site] = set()
    for site, who, at_ms in _scans(conn, begin_ms):
        if begin_ms <= at_ms < t_ms:
            people[site].add(who)
    rows: dict[tuple[str, ...], dict[str, Value]] = {
        (site,): {"came": told(len(found)), "suppressed": int(told(len(found)) is None)}
        for site, found in people.items()
    }
    return at(measure, now_ms, rows)


def day_begin_ms(zone: ZoneInfo, now_ms: int) -> int:
    """When the day of a time began by the city's clock."""
    local = dt.datetime.fromtimestamp(now_ms / 1000, zone)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def _scans(conn: Connection, since_ms: int) -> Iterator[tuple[str, str, int]]:
    """Place, pseudonym and time of every scan that came since, a page at a time."""
    columns = (events.c.id, events.c.site, events.c.body, events.c.received_ms)
    found = select(*columns).where(events.c.kind.in_(PERSONAL), events.c.received_ms >= since_ms)
    last = 0
    while rows := conn.execute(
        found.where(events.c.id > last).order_by(events.c.id).limit(ROWS_AT_ONCE)
    ).all():
        for row in rows:
            try:
                data = decode_body(row.body).data
            except DecodeError:
                continue
            scanned = data.get("at_ms")
            yield row.site, str(data.get("who")), scanned if isinstance(scanned, int) else row.received_ms
        last = rows[-1].id
