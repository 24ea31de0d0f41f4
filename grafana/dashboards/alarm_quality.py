"""How good the alarms are, beside what EEMUA 191 recommends."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import style
from grafana.city import City
from grafana.influxql import curve, latest, over_all, table
from grafana.panels import Column, Say, bars, coloured, curves, named, number, rows, states
from grafana.wall import Subject, begin, head

SUBJECT = Subject(
    "siaga-mutu-alarm",
    "Mutu alarm",
    "Alarm aktif per prioritas, dan mutu alarm di samping nilai yang dianjurkan.",
    "siaga-operasi",
    span="now-24h",
    refresh="30s",
)

FIGURES = {
    "rate": "Alarm per operator per 10 menit",
    "median": "Median per 10 menit",
    "peak": "Puncak per 10 menit",
    "flood": "Bagian waktu dalam banjir alarm",
    "chattering": "Alarm yang bergetar",
    "stale": "Alarm basi",
    "top": "Bagian sepuluh alarm tersering",
    "mix": "Bagian prioritas tertinggi",
    "unseen": "Selesai tanpa dilihat",
}

FRESH = "12m"
"""The figures are written each five minutes."""


def build(city: City) -> Dashboard:
    """The dashboard."""
    board = begin(city, SUBJECT).with_panel(head(city, SUBJECT))
    for title, text, field, thresholds in (
        ("Aktif", "Alarm yang sedang aktif.", "active", None),
        ("Belum diakui", "Alarm yang belum diakui.", "unacknowledged", style.none_is_good(bad=10)),
        (
            "Ditahan",
            "Alarm yang ditahan: dikesampingkan, atau anak dari sebab yang sudah berbunyi.",
            "withheld",
            None,
        ),
    ):
        board.with_panel(
            number(
                Say(title, text, 6),
                over_all("kpi_alarms", field, by="priority", alias=title),
                thresholds=thresholds,
            )
        )
    return (
        board.with_panel(
            number(
                Say("Di luar anjuran", "Berapa ukuran mutu di luar nilai yang dianjurkan.", 6),
                over_all("kpi_alarm_quality", "off", by="figure", alias="Di luar anjuran"),
                thresholds=style.none_is_good(style.MEDIUM),
                fresh=FRESH,
            )
        )
        .with_panel(
            rows(
                Say(
                    "Mutu, 24 jam terakhir", "Tiap ukuran di samping nilai yang dianjurkan EEMUA 191.", 12, 10
                ),
                table(
                    "kpi_alarm_quality",
                    (("value", "Nilai"), ("limit", "Anjuran"), ("off", "Penilaian")),
                    by=("figure",),
                ),
                {
                    "Ukuran": Column(mappings=style.words(FIGURES)),
                    "Nilai": Column(decimals=2),
                    "Anjuran": Column(decimals=2),
                    "Penilaian": Column(
                        mappings=style.yes_no("DI LUAR ANJURAN", "baik", style.MEDIUM), colour=True
                    ),
                },
                fresh=FRESH,
            )
        )
        .with_panel(
            coloured(
                bars(
                    Say("Aktif per prioritas", "Alarm aktif per prioritas; 1 yang paling gawat.", 12, 10),
                    latest("kpi_alarms", "active", by="priority", alias="Prioritas $tag_priority"),
                ),
                style.PRIORITIES,
            )
        )
        .with_panel(
            coloured(
                curves(
                    Say("Alarm aktif menurut waktu", "Alarm aktif per prioritas.", 12, 8),
                    curve("kpi_alarms", "active", by="priority", alias="Prioritas $tag_priority"),
                    stacked=True,
                    decimals=0,
                    soft_min=0,
                ),
                style.PRIORITIES,
            )
        )
        .with_panel(
            named(
                states(
                    Say("Mutu menurut waktu", "Kapan tiap ukuran di luar anjuran.", 12, 8),
                    curve("kpi_alarm_quality", "off", by="figure", how="max", fill="none"),
                    mappings=style.yes_no("di luar anjuran", "baik", style.MEDIUM),
                ),
                FIGURES,
            )
        )
    )
