"""Attendance by office: how many came today. Small numbers are not shown: they would point at persons."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import style
from grafana.city import City
from grafana.influxql import curve, latest, over_all, table
from grafana.panels import Column, Say, bars, curves, named, number, rows
from grafana.wall import Subject, begin, head

SUBJECT = Subject(
    "siaga-kehadiran",
    "Kehadiran pegawai",
    "Berapa pegawai yang datang hari ini, per kantor; angka kecil tidak ditampilkan.",
    "siaga-pimpinan",
    span="now-24h",
    refresh="1m",
)

FRESH = "35m"
"""Attendance is written each quarter of an hour at least."""


def build(city: City) -> Dashboard:
    """The dashboard."""
    names = city.site_names
    return (
        begin(city, SUBJECT)
        .with_panel(head(city, SUBJECT))
        .with_panel(
            number(
                Say("Datang hari ini", "Pegawai yang datang hari ini di kantor yang ditampilkan.", 8),
                over_all("kpi_attendance", "came", by="site", alias="Datang"),
                fresh=FRESH,
            )
        )
        .with_panel(
            number(
                Say(
                    "Kantor disembunyikan", "Kantor dengan kurang dari lima orang: angkanya disembunyikan.", 8
                ),
                over_all("kpi_attendance", "suppressed", by="site", alias="Disembunyikan"),
                fresh=FRESH,
            )
        )
        .with_panel(
            number(
                Say("Kantor melapor", "Kantor yang mesin absensinya terdengar.", 8),
                over_all("kpi_attendance", "suppressed", by="site", alias="Kantor", how="count"),
                fresh=FRESH,
            )
        )
        .with_panel(
            named(
                bars(
                    Say(
                        "Datang per kantor",
                        "Pegawai yang datang hari ini, dibulatkan ke bawah ke kelipatan lima.",
                        12,
                        9,
                    ),
                    latest("kpi_attendance", "came", by="site"),
                    fresh=FRESH,
                ),
                names,
            )
        )
        .with_panel(
            rows(
                Say("Kantor", "Per kantor; TIDAK DIKETAHUI di kolom Datang berarti disembunyikan.", 12, 9),
                table("kpi_attendance", (("came", "Datang"), ("suppressed", "Disembunyikan")), by=("site",)),
                {
                    "Lokasi": Column(mappings=style.words(names)),
                    "Disembunyikan": Column(mappings=style.yes_no("ya", "tidak", style.LOW)),
                },
                fresh=FRESH,
            )
        )
        .with_panel(
            named(
                curves(
                    Say("Datang menurut waktu", "Jumlah yang datang sejak pagi, per kantor.", 24, 8),
                    curve("kpi_attendance", "came", by="site", how="max", fill="none"),
                    decimals=0,
                    soft_min=0,
                ),
                names,
            )
        )
    )
