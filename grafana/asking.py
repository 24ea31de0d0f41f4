"""What Grafana asks InfluxDB for a dashboard: macros and variables replaced as its InfluxDB data source does it.

Grafana's own way, as read in its source: the browser computes the interval from range and width, replaces the
variables; the server replaces ``$timeFilter``, ``$interval``, ``$__interval_ms`` and ``$__interval``, in this order.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from grafana.influxql import BY_RANGE, LONG, NOW
from hub.kpis.tiers import BEGINS

WIDTH_PX = 1920
"""Of the wall; a panel asks for as many values as it is wide."""

GRID = 24

LEAST_MS = {"raw": 10_000, "minute": 60_000, "long": 3_600_000}
"""The shortest interval by tier: ``timeInterval`` of each data source."""

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_ROUND = (
    (1_500, _SECOND),
    (3_500, 2 * _SECOND),
    (7_500, 5 * _SECOND),
    (12_500, 10 * _SECOND),
    (17_500, 15 * _SECOND),
    (25_000, 20 * _SECOND),
    (45_000, 30 * _SECOND),
    (90_000, _MINUTE),
    (210_000, 2 * _MINUTE),
    (450_000, 5 * _MINUTE),
    (750_000, 10 * _MINUTE),
    (1_050_000, 15 * _MINUTE),
    (1_500_000, 20 * _MINUTE),
    (2_700_000, 30 * _MINUTE),
    (5_400_000, _HOUR),
    (9_000_000, 2 * _HOUR),
    (16_200_000, 3 * _HOUR),
    (32_400_000, 6 * _HOUR),
    (86_400_000, 12 * _HOUR),
    (604_800_000, _DAY),
)
"""Below each of these an interval is rounded to the second number."""


@dataclass(frozen=True)
class Asked:
    """One query as it goes out.

    Attributes:
        tier: raw, minute or long: which database answers.
        panel: title of the panel, or what else asks.
    """

    dashboard: str
    panel: str
    tier: str
    query: str
    result: str = "time_series"


@dataclass(frozen=True)
class Range:
    """What a dashboard shows, ms UTC."""

    from_ms: int
    to_ms: int

    @property
    def span_ms(self) -> int:
        return self.to_ms - self.from_ms

    @property
    def tier(self) -> str:
        """Which of the three databases suits it."""
        return list(BEGINS)[bisect_right(list(BEGINS.values()), self.span_ms) - 1]


def everything(dashboard: Mapping[str, Any], now_ms: int, *, span_ms: int | None = None) -> Iterator[Asked]:
    """Every query of a dashboard: its variables, annotations and panels.

    Args:
        span_ms: instead of the range that it shows at first.
    """
    shown = Range(now_ms - (span_ms or _ms(dashboard["time"]["from"].removeprefix("now-"))), now_ms)
    uid = dashboard["uid"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query = _with_range(variable["query"], shown)
            yield Asked(
                uid, f"variable {variable['name']}", _tier(variable["datasource"], shown), query, "table"
            )
    for one in dashboard["annotations"]["list"]:
        tier = _tier(one["datasource"], shown)
        query = expanded(one["target"]["query"], shown, interval_ms(shown, WIDTH_PX, tier))
        yield Asked(uid, f"annotation {one['name']}", tier, query, "table")
    for panel in dashboard["panels"]:
        yield from _of_panel(uid, panel, shown)


def _of_panel(uid: str, panel: Mapping[str, Any], shown: Range) -> Iterator[Asked]:
    if "timeFrom" in panel:
        shown = Range(shown.to_ms - _ms(panel["timeFrom"]), shown.to_ms)
    for target in panel.get("targets", ()):
        tier = _tier(target["datasource"], shown)
        interval = interval_ms(shown, WIDTH_PX * panel["gridPos"]["w"] // GRID, tier)
        query = expanded(target["query"], shown, interval)
        yield Asked(uid, panel["title"], tier, query, target["resultFormat"])


def expanded(query: str, shown: Range, interval: int) -> str:
    """A query with its macros replaced."""
    query = _with_range(query, shown)
    text = formatted(interval)
    for macro, value in (
        ("$timeFilter", f"time >= {shown.from_ms}ms and time <= {shown.to_ms}ms"),
        ("$interval", text),
        ("$__interval_ms", str(interval)),
        ("$__interval", text),
    ):
        query = query.replace(macro, value)
    return query


def interval_ms(shown: Range, width_px: int, tier: str) -> int:
    """The interval of ``GROUP BY time``."""
    exact = shown.span_ms / width_px
    rounded = next((to for below, to in _ROUND if exact < below), 7 * _DAY)
    return max(rounded, LEAST_MS[tier])


def formatted(ms: int) -> str:
    """An interval as InfluxQL writes it, in the largest unit that it has one of."""
    unit = next(unit for unit in ("d", "h", "m", "s") if ms >= _UNITS_MS[unit])
    return f"{ms // _UNITS_MS[unit]}{unit}"


def _with_range(query: str, shown: Range) -> str:
    return query.replace("${__from}", str(shown.from_ms)).replace("${__to}", str(shown.to_ms))


def _tier(source: Mapping[str, str], shown: Range) -> str:
    return {NOW: "raw", LONG: "long", BY_RANGE: shown.tier}[
        source["uid"].removeprefix("${").removesuffix("}")
    ]


def _ms(span: str) -> int:
    found = re.fullmatch(r"(\d+)([smhd])", span)
    assert found is not None, span
    return int(found[1]) * _UNITS_MS[found[2]]
