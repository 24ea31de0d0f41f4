"""Panic buttons: presses, how many were mistakes, how long a press was on its way."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import style
from grafana.city import City
from grafana.influxql import LONG, Target, facts, latest, tag_is
from grafana.panels import Column, Say, bars, curves, named, number, rows
from grafana.wall import Subject, begin, head

SUBJECT = Subject(
    "siaga-tombol",
    "Tombol darurat",
    "Penekanan tombol darurat, mana yang palsu, dan berapa lama sampai di pusat.",
    "siaga-operasi",
    span="now-24h",
)


def build(city: City) -> Dashboard:
    """The dashboard."""
    sites = city.site_names
    return (
        begin(city, SUBJECT)
        .with_panel(head(city, SUBJECT))
        .with_panel(
            number(
                Say("Penekanan 30 hari", "Semua penekanan dalam 30 hari terakhir.", 6),
                Target('SELECT count("number") FROM "presses" WHERE $timeFilter', "Penekanan", source=LONG),
                fresh=MONTH,
            )
        )
        .with_panel(
            number(
                Say("Terbuka", "Insiden tombol darurat yang belum ditutup.", 6),
                latest("kpi_incidents", "open", alias="Terbuka", where=tag_is("kind", "panic")),
                thresholds=style.none_is_good(style.CRITICAL),
            )
        )
        .with_panel(
            number(
                Say("Palsu 24 jam", "Penekanan yang ternyata palsu dalam 24 jam terakhir.", 6),
                latest("kpi_incidents", "false_24h", alias="Palsu", where=tag_is("kind", "panic")),
            )
        )
        .with_panel(
            number(
                Say(
                    "Sampai di pusat",
                    "99 dari 100 penekanan sampai di pusat dalam waktu ini; yang tidak diketahui tidak dihitung.",
                    6,
                    unit=style.SECONDS,
                ),
                Target(
                    'SELECT percentile("delay_s", 99) FROM "presses" WHERE $timeFilter', "99 %", source=LONG
                ),
                thresholds=style.limit(2),
                fresh=MONTH,
                decimals=2,
            )
        )
        .with_panel(
            named(
                bars(
                    Say("Per lokasi", "Penekanan per lokasi dalam 30 hari terakhir.", 12, 9),
                    Target(
                        'SELECT count("number") FROM "presses" WHERE $timeFilter GROUP BY "site"',
                        "$tag_site",
                        source=LONG,
                    ),
                    fresh=MONTH,
                ),
                sites,
            )
        )
        .with_panel(
            rows(
                Say("Penekanan terakhir", "Setiap penekanan dengan waktunya sampai di pusat.", 12, 9),
                facts(
                    "presses",
                    (
                        ("site", "Lokasi"),
                        ("device", "Tombol"),
                        ("number", "Insiden"),
                        ("delay_s", "Di jalan"),
                    ),
                ),
                {
                    "Waktu": Column(unit="time: DD/MM HH:mm:ss", width=140),
                    "Lokasi": Column(mappings=style.words(sites)),
                    "Di jalan": Column(unit=style.SECONDS, decimals=2),
                },
                fresh=None,
                show_time="Waktu",
            )
        )
        .with_panel(
            curves(
                Say("Penekanan menurut waktu", "Jumlah penekanan per selang waktu.", 24, 7),
                Target(
                    'SELECT count("number") FROM "presses" WHERE $timeFilter GROUP BY time($__interval) fill(0)',
                    "Penekanan",
                    source=LONG,
                ),
                decimals=0,
                soft_min=0,
            )
        )
    )


MONTH = "30d"
