"""The alerts that Grafana itself raises: that the hub is silent, or that no data come. All others are the hub's.

They go out by Grafana, to a contact that does not need the hub.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana.influxql import TYPE
from grafana.sources import UIDS

CONTACT = "Siaga: pusat mati"
GROUP = "Siaga: pusat"
FOLDER = "siaga-teknis"
FILED = "Siaga: pusat mati"
"""Folder of the rules where they come as files: Grafana reads those first and gives their folder a uid of its own, so
it must be none that dashboards are in."""
YOUNG = ("isPaused", "notification_settings")
"""Keys of a rule that not every Grafana knows; one that does tells them always, unset as null or false."""

WINDOW_S = 180
"""A hub that lives writes each ten seconds."""


def contact_points(mail: Sequence[str], url: str) -> list[dict[str, Any]]:
    """How Grafana tells people; empty where nobody is named."""
    found: list[dict[str, Any]] = []
    if mail:
        settings: dict[str, Any] = {"addresses": ";".join(mail), "singleEmail": True}
        found.append({"uid": "siaga-surel", "name": CONTACT, "type": "email", "settings": settings})
    if url:
        settings = {"url": url, "httpMethod": "POST"}
        found.append({"uid": "siaga-kait", "name": CONTACT, "type": "webhook", "settings": settings})
    return found


def rules(city: str) -> list[dict[str, Any]]:
    """The two rules. No answer from InfluxDB is an alert too."""
    return [
        _rule(
            "siaga-pusat-diam",
            f"{city}: pusat Siaga diam",
            'SELECT count("hold") FROM "kpi_pipeline" WHERE $timeFilter',
            "Pusat tidak menulis keadaannya selama tiga menit. Alarm dan insiden mungkin tidak sampai: "
            "hubungi petugas teknis, dan jalankan piket dengan telepon.",
        ),
        _rule(
            "siaga-tanpa-data",
            f"{city}: tidak ada data dari gateway",
            'SELECT sum("n") FROM (SELECT max("values_per_s") AS "n" FROM "kpi_pipeline" WHERE $timeFilter)',
            "Pusat hidup, tetapi tidak ada nilai dari gateway selama tiga menit: periksa broker dan jaringan.",
        ),
    ]


def _rule(uid: str, title: str, query: str, summary: str) -> dict[str, Any]:
    return {
        "uid": uid,
        "title": title,
        "folderUID": FOLDER,
        "ruleGroup": GROUP,
        "condition": "C",
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": {"from": WINDOW_S, "to": 0},
                "datasourceUid": UIDS["raw"],
                "model": {
                    "refId": "A",
                    "datasource": {"type": TYPE, "uid": UIDS["raw"]},
                    "query": query,
                    "rawQuery": True,
                    "resultFormat": "time_series",
                },
            },
            _expression("B", {"type": "reduce", "expression": "A", "reducer": "last"}),
            _expression(
                "C",
                {
                    "type": "threshold",
                    "expression": "B",
                    "conditions": [{"evaluator": {"type": "lt", "params": [0.001]}}],
                },
            ),
        ],
        "noDataState": "Alerting",
        "execErrState": "Alerting",
        "for": "1m",
        "labels": {"siaga": "pusat"},
        "annotations": {"summary": summary},
        "isPaused": False,
        "notification_settings": {"receiver": CONTACT},
    }


def _expression(ref: str, model: dict[str, Any]) -> dict[str, Any]:
    source = {"type": "__expr__", "uid": "__expr__"}
    return {
        "refId": ref,
        "relativeTimeRange": {"from": WINDOW_S, "to": 0},
        "datasourceUid": "__expr__",
        "model": {"refId": ref, "datasource": source, **model},
    }
