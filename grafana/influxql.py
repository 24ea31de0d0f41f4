"""Queries of panels: InfluxQL with Grafana's macros, as the InfluxDB data source takes them.

The SDK has no builder for InfluxDB, so this is the small one. A query names no database, no retention policy and no
data source by id: the data source is a variable of the dashboard, and the same query runs on raw samples and on
rollups, where a field holds the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery

Format = Literal["time_series", "table"]
Fill = Literal["null", "none", "previous"]

TYPE = "influxdb"
"""Grafana's type of the data source."""

NOW = "data"
LONG = "panjang"
BY_RANGE = "sumber"
"""Variables of every dashboard that name a data source: raw values; facts that are kept long; and the one of raw,
minute and long that suits the range shown."""


@dataclass(frozen=True)
class Target(Dataquery):
    """One query of a panel, as it is in the dashboard's JSON."""

    query: str
    alias: str = ""
    result: Format = "time_series"
    source: str = BY_RANGE
    ref: str = "A"

    def to_json(self) -> dict[str, Any]:
        """What Grafana stores; the SDK calls it."""
        found: dict[str, Any] = {
            "refId": self.ref,
            "datasource": {"type": TYPE, "uid": "${" + self.source + "}"},
            "query": self.query,
            "rawQuery": True,
            "resultFormat": self.result,
        }
        if self.alias:
            found["alias"] = self.alias
        return found


class Query(Builder[Dataquery]):
    """A target as the SDK's panels take one."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def build(self) -> Target:
        return self._target


def lettered(targets: Sequence[Target]) -> list[Builder[Dataquery]]:
    """The queries of a panel, each with a letter of its own."""
    return [Query(replace(target, ref=chr(ord("A") + at))) for at, target in enumerate(targets)]


def curve(
    measurement: str,
    field: str,
    *,
    by: str = "",
    how: str = "mean",
    where: str = "",
    fill: Fill = "null",
    alias: str = "",
    source: str = BY_RANGE,
) -> Target:
    """A quantity over the range shown, one line for each value of the tag ``by``.

    A time without a value stays a gap: ``fill`` is ``null``, and never zero.
    """
    tag = f', "{by}"' if by else ""
    query = (
        f'SELECT {how}("{field}") FROM "{measurement}" WHERE {_where(where)} '
        f"GROUP BY time($__interval){tag} fill({fill})"
    )
    return Target(query, alias or (f"$tag_{by}" if by else field), source=source)


def peaks(measurement: str, field: str, *, where: str) -> Target:
    """A quantity with its peaks: in rollups, where the field is a mean, the highest value has a line of its own."""
    query = (
        f'SELECT max(/^{field}(_max)?$/) FROM "{measurement}" WHERE {_where(where)} '
        "GROUP BY time($__interval) fill(null)"
    )
    return Target(query, "$col")


def summed(
    measurement: str, field: str, *, by: str, alias: str, where: str = "", source: str = BY_RANGE
) -> Target:
    """The sum over the values of a tag, over the range shown."""
    inner = (
        f'SELECT mean("{field}") AS "n" FROM "{measurement}" WHERE {_where(where)} '
        f'GROUP BY time($__interval), "{by}" fill(none)'
    )
    query = f'SELECT sum("n") FROM ({inner}) WHERE $timeFilter GROUP BY time($__interval) fill(null)'
    return Target(query, alias, source=source)


def latest(measurement: str, field: str, *, by: str = "", alias: str = "", where: str = "") -> Target:
    """The newest value within the panel's range, one for each value of the tag ``by``."""
    group = f' GROUP BY "{by}"' if by else ""
    query = f'SELECT last("{field}") FROM "{measurement}" WHERE {_where(where)}{group}'
    return Target(query, alias or (f"$tag_{by}" if by else field), source=NOW)


def over_all(
    measurement: str, field: str, *, by: str, alias: str, how: str = "sum", where: str = ""
) -> Target:
    """One number of all values of a tag: the sum (or the worst) of the newest ones."""
    inner = f'SELECT last("{field}") AS "n" FROM "{measurement}" WHERE {_where(where)} GROUP BY "{by}"'
    return Target(f'SELECT {how}("n") FROM ({inner}) WHERE $timeFilter', alias, source=NOW)


def table(
    measurement: str, columns: Sequence[tuple[str, str]], *, by: Sequence[str], where: str = ""
) -> Target:
    """The newest value of each column (field, heading), a row for each combination of the tags."""
    fields = ", ".join(f'last("{field}") AS "{heading}"' for field, heading in columns)
    tags = ", ".join(f'"{tag}"' for tag in by)
    query = f'SELECT {fields} FROM "{measurement}" WHERE {_where(where)} GROUP BY {tags}'
    return Target(query, result="table", source=NOW)


def facts(measurement: str, columns: Sequence[tuple[str, str]], *, where: str = "", most: int = 50) -> Target:
    """The newest facts, each a row at its own time."""
    fields = ", ".join(f'"{field}" AS "{heading}"' for field, heading in columns)
    query = f'SELECT {fields} FROM "{measurement}" WHERE {_where(where)} ORDER BY time DESC LIMIT {most}'
    return Target(query, result="table", source=LONG)


def tag_is(tag: str, value: str) -> str:
    """A condition: the tag has this value, whatever characters it is made of."""
    literal = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"\"{tag}\" = '{literal}'"


def _where(condition: str) -> str:
    return f"{condition} AND $timeFilter" if condition else "$timeFilter"
