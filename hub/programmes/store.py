"""Values of programmes: one for a day, reported by a person, corrected by saying it again; each with its audit row."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, update

from hub.api import audit
from hub.errors import HubError
from hub.programmes.files import Programme
from hub.programmes.tables import programme_values

ACTION = "programme.report"


class ProgrammeError(HubError):
    """A value cannot be taken."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a programme had reached at the end of a day of the city's calendar."""

    programme: str
    date: dt.date
    value: float


def put(
    conn: Connection,
    known: Mapping[str, Programme],
    values: Sequence[Value],
    *,
    actor: str,
    today: dt.date,
    now_ms: int,
) -> int:
    """Take values, all or none; one that is known already changes nothing. How many were new or other.

    Raises:
        ProgrammeError: a programme is not of the profile, a day has not come, or a value is no number.
    """
    for one in values:
        if one.programme not in known:
            raise ProgrammeError(f"there is no programme {one.programme!r}", "its id in programmes.toml")
        if one.date > today:
            raise ProgrammeError(f"{one.date} has not come yet", f"{today} at the latest")
        if not math.isfinite(one.value) or one.value < 0:
            raise ProgrammeError(f"{one.value} is no value", "a number from 0 on")
    return sum(_put(conn, one, actor, now_ms) for one in values)


def _put(conn: Connection, one: Value, actor: str, now_ms: int) -> bool:
    rows, date = programme_values, one.date.isoformat()
    here = (rows.c.programme == one.programme, rows.c.date == date)
    before: float | None = conn.execute(select(rows.c.value).where(*here)).scalar()
    if before == one.value:
        return False
    said = {"value": one.value, "said_ms": now_ms, "actor": actor}
    if before is None:
        conn.execute(insert(rows).values(programme=one.programme, date=date, **said))
    else:
        conn.execute(update(rows).where(*here).values(**said))
    detail: dict[str, audit.Scalar] = {"date": date, "value": one.value, "before": before}
    audit.record(conn, actor, ACTION, one.programme, detail, now_ms=now_ms)
    return True


def newest(conn: Connection) -> dict[str, Value]:
    """The value of the last day of each programme that has any."""
    rows = programme_values
    found = conn.execute(select(rows.c.programme, rows.c.date, rows.c.value).order_by(rows.c.date)).all()
    return {row.programme: Value(row.programme, dt.date.fromisoformat(row.date), row.value) for row in found}


def said_since(conn: Connection, since_ms: int) -> Iterator[tuple[Value, int]]:
    """Values that were reported or corrected since, with when."""
    rows = programme_values
    for row in conn.execute(select(rows).where(rows.c.said_ms >= since_ms).order_by(rows.c.date)):
        yield Value(row.programme, dt.date.fromisoformat(row.date), row.value), row.said_ms


def today(zone: ZoneInfo, now_ms: int) -> dt.date:
    """The day by the city's clock."""
    return dt.datetime.fromtimestamp(now_ms / 1000, zone).date()


def at_ms(zone: ZoneInfo, date: dt.date) -> int:
    """The time that a day's value has in a series: the begin of that day by the city's clock."""
    return int(dt.datetime.combine(date, dt.time(), zone).timestamp() * 1000)
