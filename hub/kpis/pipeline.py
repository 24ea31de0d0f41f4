"""How the hub itself is doing, as points. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hub.kpis.measures import LANES, PIPELINE
from hub.kpis.point import Point, at


def pipeline(numbers: Mapping[str, Any], now_ms: int) -> Iterator[Point]:
    """The numbers of the pipeline's page.

    Args:
        numbers: of ingest, with ``rollups`` (waiting, lag_ms) where there are any.
    """
    series, rollups = numbers.get("series") or {}, numbers.get("rollups") or {}
    down_ms, lag_ms = series.get("down_ms") or 0, rollups.get("lag_ms")
    yield from at(
        PIPELINE,
        now_ms,
        {
            (): {
                "values_per_s": numbers["values_per_s"],
                "dead_letters": numbers["dead_letters"],
                "hold": int(numbers["flow"] == "hold"),
                "writer_waiting": series.get("waiting"),
                "writer_rejected": series.get("rejected"),
                "sql_waiting": numbers["queues"].get("sql"),
                "rollup_waiting": rollups.get("waiting"),
                "series_down_s": down_ms / 1000 if series else None,
                "rollup_lag_s": None if lag_ms is None else lag_ms / 1000,
            }
        },
    )
    commits = numbers["publish_to_commit_ms"]
    yield from at(
        LANES,
        now_ms,
        {
            (lane,): {
                "records_per_s": rate,
                "commit_p50_ms": commits[lane]["p50"],
                "commit_p99_ms": commits[lane]["p99"],
            }
            for lane, rate in numbers["records_per_s"].items()
        },
    )
