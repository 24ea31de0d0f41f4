"""The whole city on one wall, for everybody in the room."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import style
from grafana.city import City
from grafana.influxql import curve, facts, latest, over_all, summed
from grafana.panels import AnyPanel, Column, Say, bars, coloured, curves, named, number, rows, states
from grafana.wall import Subject, begin, head

SUBJECT = Subject(
    "siaga-ringkasan",
    "Ringkasan kota",
    "Seluruh kota pada satu layar: insiden, alarm, sungai, tempat tidur, gateway.",
    "siaga-dinding",
    span="now-3h",
    refresh="5s",
)

HEARD = '"stale" = 0'
"""A level of a post that is heard. Of one that is silent nobody knows the level now."""


def build(city: City) -> Dashboard:
    """The dashboard."""
    board = begin(city, SUBJECT).with_panel(head(city, SUBJECT))
    for panel in _numbers():
        board.with_panel(panel)
    labels = _labels(city)
    board.with_panel(
        named(
            states(
                Say(
                    "Tingkat siaga sungai",
                    "Tingkat siaga tiap pos duga air. Pita terputus: tidak ada data.",
                    12,
                    8,
                ),
                curve("kpi_rivers", "severity", by="station", how="max", where=HEARD),
                mappings=style.severities(labels),
            ),
            city.station_names,
        )
    )
    board.with_panel(
        rows(
            Say("Kejadian terakhir", "Insiden dan perubahan tingkat siaga, yang terbaru di atas.", 12, 8),
            facts(
                "annotations", (("title", "Kejadian"), ("text", "Keterangan"), ("site", "Lokasi")), most=12
            ),
            {
                "Waktu": Column(unit="time: HH:mm:ss", width=100),
                "Lokasi": Column(mappings=style.words(city.site_names)),
            },
            fresh=None,
            show_time="Waktu",
        )
    )
    for panel in _places():
        board.with_panel(panel)
    return board


def _numbers() -> list[AnyPanel]:
    calm = style.none_is_good
    return [
        number(
            Say("Insiden terbuka", "Insiden yang belum ditutup, semua jenis.", 4),
            over_all("kpi_incidents", "open", by="kind", alias="Insiden terbuka"),
            thresholds=calm(style.MEDIUM),
        ),
        number(
            Say("Belum diambil", "Insiden yang belum diambil siapa pun.", 4),
            over_all("kpi_incidents", "unclaimed", by="kind", alias="Belum diambil"),
            thresholds=calm(style.CRITICAL),
        ),
        number(
            Say("Alarm belum diakui", "Alarm yang belum diakui operator, semua prioritas.", 4),
            over_all("kpi_alarms", "unacknowledged", by="priority", alias="Belum diakui"),
            thresholds=calm(style.HIGH, bad=10),
        ),
        number(
            Say("Siaga terburuk", "Tingkat siaga terburuk di antara pos yang terdengar.", 4),
            over_all("kpi_rivers", "severity", by="station", alias="Siaga", how="max", where=HEARD),
            mappings=style.severities(style.SIAGA),
        ),
        number(
            Say("Pos sungai bisu", "Pos duga air tanpa data baru: tingkatnya tidak diketahui.", 4),
            over_all("kpi_rivers", "stale", by="station", alias="Pos bisu"),
            thresholds=calm(style.HIGH),
        ),
        number(
            Say("Gateway bisu", "Gateway yang tidak terdengar.", 4),
            latest("kpi_fleet", "silent", alias="Gateway bisu"),
            thresholds=calm(style.HIGH),
        ),
    ]


def _places() -> list[AnyPanel]:
    return [
        bars(
            Say("Tempat tidur kosong", "Tempat tidur kosong per kelas di seluruh kota.", 8, 7),
            latest("kpi_beds_city", "free", by="class"),
        ),
        coloured(
            curves(
                Say("Alarm aktif", "Alarm aktif per prioritas.", 8, 7),
                curve("kpi_alarms", "active", by="priority", alias="Prioritas $tag_priority"),
                stacked=True,
                decimals=0,
                soft_min=0,
            ),
            style.PRIORITIES,
        ),
        curves(
            Say("Insiden terbuka menurut waktu", "Jumlah insiden terbuka, semua jenis.", 8, 7),
            summed("kpi_incidents", "open", by="kind", alias="Terbuka"),
            decimals=0,
            soft_min=0,
        ),
    ]


def _labels(city: City) -> tuple[str, ...]:
    """What levels are called, where all stations call them the same."""
    found = {station.at(city.at_ms).labels for station in city.region.stations.values()}
    return next(iter(found)) if len(found) == 1 else style.SIAGA
