"""What every dashboard has: its data sources as variables, annotations, links to the others, the city's name."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    VariableHide,
    VariableOption,
    VariableRefresh,
)

from grafana import panels, style
from grafana.city import City
from grafana.influxql import BY_RANGE, LONG, NOW, TYPE, tag_is
from grafana.panels import Say
from hub.kpis.tiers import SOURCES

TAG = "siaga"

SHOWN = {NOW: SOURCES["raw"], LONG: SOURCES["long"]}
"""Names of the data sources that a variable holds for good: raw values, and what is kept long."""

CHOICE = (
    'SELECT last("source") FROM "tiers" '
    'WHERE "least_ms" <= ${__to} - ${__from} AND "most_ms" > ${__to} - ${__from}'
)
"""Which data source suits the range shown. The hub writes the table, so that it knows what it rolls up."""


@dataclass(frozen=True)
class Subject:
    """One dashboard.

    Attributes:
        uid: part of its address; never changes.
        folder: uid of its folder.
        span: range at first, as Grafana writes it.
    """

    uid: str
    title: str
    description: str
    folder: str
    span: str = "now-6h"
    refresh: str = "10s"


def begin(city: City, subject: Subject) -> dashboard.Dashboard:
    """A dashboard with everything but its panels."""
    region = city.region
    board = (
        dashboard.Dashboard(f"{region.name}: {subject.title}")
        .uid(subject.uid)
        .description(subject.description)
        .tags([TAG])
        .timezone(region.zone)
        .week_start("monday")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time(subject.span, "now")
        .refresh(subject.refresh)
        .timepicker(dashboard.TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m"]))
        .readonly()
        .link(
            dashboard.DashboardLink("Layar lain")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
            .icon("external link")
            .tooltip("Dasbor Siaga lainnya")
        )
    )
    for name in (NOW, LONG):
        board.with_variable(
            dashboard.DatasourceVariable(name)
            .label(SHOWN[name])
            .hide(VariableHide.HIDE_VARIABLE)
            .type(TYPE)
            .regex(f"/^{SHOWN[name]}$/")
        )
    board.with_variable(
        dashboard.QueryVariable(BY_RANGE)
        .label("Sumber data")
        .description("Dipilih menurut rentang waktu: nilai asli, rata-rata semenit, atau rata-rata sejam.")
        .datasource(DataSourceRef(type_val=TYPE, uid="${" + NOW + "}"))
        .query(CHOICE)
        .current(VariableOption(text=SHOWN[NOW], value=SHOWN[NOW]))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )
    for name in _KINDS:
        board.annotation(_annotation(name))
    return board


def finished(board: dashboard.Dashboard) -> dict[str, Any]:
    """The dashboard as JSON: panels numbered, annotations with the columns that only InfluxDB's have."""
    found: dict[str, Any] = plain(board.build())
    for at, panel in enumerate(found["panels"], start=1):
        panel["id"] = at
    # The SDK writes what Grafana 10 had and later schemas no longer know.
    del found["timepicker"]["time_options"]
    for panel in found["panels"]:
        panel.get("options", {}).pop("footer", None)
    for variable in found["templating"]["list"]:
        for name in ("auto", "auto_min", "auto_count"):
            del variable[name]
    for one in found["annotations"]["list"]:
        one["target"] = {
            "refId": "Anno",
            "query": _facts(one["name"]),
            "rawQuery": True,
            "fromAnnotations": True,
            "textColumn": "title",
            "tagsColumn": "kind,site",
            "timeEndColumn": "until_ms",
        }
    return found


def head(city: City, subject: Subject) -> panels.AnyPanel:
    """The line at the top: the city's logo, name and motif."""
    theme = city.theme
    parts = (
        [f'<img src="{theme.logo}" alt="" height="44" style="vertical-align: middle">'] if theme.logo else []
    )
    parts += [
        f'<span style="color: {theme.file.accent}; font-size: 28px; font-weight: bold">'
        f"{html.escape(subject.title)}</span>",
    ]
    if theme.file.motto:
        parts.append(f"<span>{html.escape(theme.file.motto)}</span>")
    motif = f'<img src="{theme.motif}" alt="" height="18" width="100%">' if theme.motif else ""
    words = " &nbsp; ".join(parts)
    return panels.words(
        Say(city.region.name, f"{city.region.name}: {subject.description}", width=24, height=3),
        f'<div style="border-bottom: 3px solid {theme.file.accent}; padding: 4px">{words}</div>{motif}',
    )


_KINDS = {"Insiden": ("incident", style.CRITICAL), "Perubahan Siaga": ("level", style.MEDIUM)}
"""What annotations are called, their kind in the measurement, and their colour."""


def _annotation(name: str) -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(DataSourceRef(type_val=TYPE, uid="${" + LONG + "}"))
        .enable(True)
        .icon_color(_KINDS[name][1])
    )


def _facts(name: str) -> str:
    return (
        'SELECT "title", "text", "until_ms", "kind", "site" FROM "annotations" '
        f"WHERE {tag_is('kind', _KINDS[name][0])} AND $timeFilter ORDER BY time DESC LIMIT 200"
    )


def plain(value: Any) -> Any:
    """The SDK's objects as what JSON has."""
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value
