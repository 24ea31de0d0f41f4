"""What is aimed at, figure by figure, and how a figure is found in the results."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure and what it should be.

    Attributes:
        path: keys of the figure in the results, with dots between.
        relation: how it should stand to the aim; None where there is none.
        of: path of another figure that the aim is a multiple of; "" where it stands alone.
    """

    path: str
    title: str
    unit: str
    relation: str | None = None
    aim: float = 0.0
    of: str = ""

    def figure(self, results: Mapping[str, Any]) -> float | None:
        """The figure; None where it was not measured."""
        return find(results, self.path)

    def wanted(self, results: Mapping[str, Any]) -> float | None:
        """What the figure should be at least or at most; None where there is no aim or it cannot be told."""
        if self.relation is None:
            return None
        if not self.of:
            return self.aim
        base = find(results, self.of)
        return None if base is None else base * self.aim

    def reached(self, results: Mapping[str, Any]) -> bool | None:
        """Whether it is so; None where that cannot be told."""
        figure, wanted = self.figure(results), self.wanted(results)
        if figure is None or wanted is None or self.relation is None:
            return None
        return _RELATIONS[self.relation](figure, wanted)


_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
}


def find(results: Mapping[str, Any], path: str) -> float | None:
    """A figure by its path; None where it is not there."""
    found: Any = results
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found if isinstance(found, int | float) else None


AIMS = (
    Aim("ingest.ceiling_per_s", "ceiling: ready lines to InfluxDB", "values/s"),
    Aim("ingest.path_per_s", "whole path, frames of 100, one field a line", "values/s"),
    Aim("ingest.ratio", "path to ceiling", "", ">=", 0.75),
    Aim(
        "ingest.path_wide_per_s",
        "whole path, ten fields a line",
        "values/s",
        ">=",
        1.3,
        "ingest.ceiling_per_s",
    ),
    Aim("ingest.frames20_per_s", "whole path, frames of 20", "frames/s", ">=", 10_000),
    Aim("ingest.cpu_us_per_value.hub", "processor, hub", "µs/value", "<=", 2.0),
    Aim("ingest.cpu_us_per_value.broker", "processor, broker", "µs/value"),
    Aim("ingest.cpu_us_per_value.influxdb", "processor, InfluxDB", "µs/value"),
    Aim("latency_ms.commit_1k.p50", "publish to receipt at 1,000 values/s, p50", "ms"),
    Aim("latency_ms.commit_1k.p99", "publish to receipt at 1,000 values/s, p99", "ms", "<", 15),
    Aim("latency_ms.commit_20k.p50", "publish to receipt at 20,000 values/s, p50", "ms"),
    Aim("latency_ms.commit_20k.p99", "publish to receipt at 20,000 values/s, p99", "ms", "<", 25),
    Aim("latency_ms.press_to_page.p50", "press to page, 1 console, p50", "ms"),
    Aim("latency_ms.press_to_page.p99", "press to page, 1 console, p99", "ms", "<", 50),
    Aim("latency_ms.press_to_page.p50_50", "press to page, 50 consoles, p50", "ms"),
    Aim("latency_ms.press_to_page.p99_50", "press to page, 50 consoles, p99", "ms", "<", 50),
    Aim(
        "wall.overview_pct",
        "InfluxDB for the overview wall each 5 s, a year of 500 points",
        "% of a core",
        "<",
        10,
    ),
    Aim("edge.rss_mb", "gateway, resident memory", "MB", "<", 40),
    Aim("edge.cpu_pct", "gateway, processor at 50 values/s", "% of a core", "<", 1),
    Aim("edge.start_s", "gateway, start to first delivery", "s", "<", 0.6),
    Aim("edge.spool_per_s", "gateway, appended to the spool", "records/s"),
    Aim("edge.disk_bytes_per_record", "gateway, bytes to disk", "bytes/record"),
    Aim("edge.drain_per_s", "gateway, backlog sent", "records/s"),
    Aim("peers.rss_ratio", "gateway's memory to thingsboard-gateway's", "", "<=", 0.6),
    Aim("peers.cpu_per_value_ratio", "gateway's processor a value to thingsboard-gateway's", "", "<=", 0.1),
    Aim("rules.us_per_value", "rules, 100,000 points under 1,000 rules", "µs/value"),
    Aim("rules.full_mb", "rules, memory of them", "MB"),
    Aim("rules.reload_all.swap_ms", "rules, all changed at once: the loop waits", "ms"),
    Aim("rules.reload_all.missed", "rules, values missed meanwhile", "", "<=", 0),
    Aim("deliveries.first_push_ms.p50", "notice committed to first push, p50", "ms"),
    Aim("deliveries.first_push_ms.p99", "notice committed to first push, p99", "ms", "<=", 50),
    Aim("deliveries.recipients_50_ms.p50", "50 recipients: the last reached, p50", "ms"),
    Aim(
        "deliveries.recipients_50_ms.most", "50 recipients: the last reached, slowest of 20", "ms", "<=", 1000
    ),
    Aim(
        "deliveries.recipients_45_beside_5_hanging_ms.most",
        "45 recipients beside 5 that hang, slowest of 20",
        "ms",
        "<=",
        1000,
    ),
    Aim("hub.rss_mb", "hub, resident memory after the load", "MB"),
    Aim("hub.start_s", "hub, start to ready", "s"),
)
