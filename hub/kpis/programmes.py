"""What the city's programmes have reached, as points: what each has now, and every report at its own day. Pure but for
the rows that are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from hub.kpis.measures import PROGRAMME_VALUES, PROGRAMMES
from hub.kpis.point import Point, Value, at
from hub.programmes import store
from hub.programmes.files import Programme

DAY_S = 86_400


def reached(conn: Connection, known: Mapping[str, Programme], zone: ZoneInfo, now_ms: int) -> Iterator[Point]:
    """Every programme of the profile; one that nobody has reported has its target and no value."""
    found, today = store.newest(conn), store.today(zone, now_ms)
    return at(PROGRAMMES, now_ms, {(one.id,): _now(one, found.get(one.id), today) for one in known.values()})


def _now(one: Programme, last: store.Value | None, today: dt.date) -> dict[str, Value]:
    if last is None:
        return {"target": one.target, "late": 1}
    age_s = (today - last.date).days * DAY_S
    return {
        "target": one.target,
        "value": last.value,
        "reached_pct": one.reached_pct(last.value),
        "off": int(one.off(last.value)),
        "age_s": age_s,
        "late": int(age_s > one.every_d * DAY_S),
    }


def reported(
    conn: Connection, known: Mapping[str, Programme], zone: ZoneInfo, since_ms: int
) -> Iterator[tuple[Point, tuple[float, int]]]:
    """Every report since a time, as a point at its day, with what changes when it is corrected."""
    for one, said_ms in store.said_since(conn, since_ms):
        if one.programme in known:
            values: dict[str, Value] = {"value": one.value, "target": known[one.programme].target}
            point = Point(PROGRAMME_VALUES, (one.programme,), values, store.at_ms(zone, one.date))
            yield point, (one.value, said_ms)
