"""Hospital beds: free, taken and unknown, by class and by hospital."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import style
from grafana.city import City
from grafana.influxql import BY_RANGE, NOW, Target, curve, latest, over_all, table
from grafana.panels import AnyPanel, Column, Say, bars, curves, number, rows
from grafana.wall import Subject, begin, head

SUBJECT = Subject(
    "siaga-tempat-tidur",
    "Tempat tidur rumah sakit",
    "Tempat tidur kosong, terisi, dan tidak diketahui, per kelas dan per rumah sakit.",
    "siaga-dinding",
    span="now-3h",
)

USUAL_LIMIT_PCT = 90.0
"""Where the profile has no rule: the share from which beds count as full."""


def build(city: City) -> Dashboard:
    """The dashboard."""
    full = style.limit(city.share("bed_panel") or USUAL_LIMIT_PCT)
    board = begin(city, SUBJECT).with_panel(head(city, SUBJECT))
    for title, text, field, colour in (
        ("Kosong", "Tempat tidur kosong di seluruh kota.", "free", None),
        ("Terisi", "Tempat tidur terisi di seluruh kota.", "taken", None),
        ("Tidak diketahui", "Tempat tidur yang sensornya tidak terdengar.", "unknown", style.HIGH),
    ):
        board.with_panel(
            number(
                Say(title, text, 5),
                over_all("kpi_beds_city", field, by="class", alias=title),
                thresholds=style.none_is_good(colour) if colour else None,
            )
        )
    return (
        board.with_panel(
            number(
                Say(
                    "Keterisian sekarang",
                    "Bagian terisi dari yang diketahui.",
                    5,
                    unit=style.PERCENT,
                ),
                _share_now(),
                thresholds=full,
            )
        )
        .with_panel(
            number(
                Say("Umur data", "Umur data tertua di antara kelas.", 4, unit=style.SECONDS),
                over_all("kpi_beds_city", "age_s", by="class", alias="Umur data", how="max"),
                thresholds=style.limit(600),
            )
        )
        .with_panel(
            bars(
                Say("Kosong per kelas", "Tempat tidur kosong per kelas di seluruh kota.", 10, 8),
                latest("kpi_beds_city", "free", by="class"),
            )
        )
        .with_panel(_hospitals(city))
        .with_panel(
            curves(
                Say("Kosong menurut waktu", "Tempat tidur kosong per kelas.", 12, 8),
                curve("kpi_beds_city", "free", by="class"),
                decimals=0,
                soft_min=0,
            )
        )
        .with_panel(
            curves(
                Say("Keterisian", "Bagian terisi per kelas, dengan batas alarm kota.", 12, 8, style.PERCENT),
                _share_over_time(),
                thresholds=full,
                decimals=0,
                soft_min=0,
            )
        )
    )


def _hospitals(city: City) -> AnyPanel:
    names = {site.id: site.name for site in city.region.sites.values() if site.kind == "hospital"}
    return rows(
        Say("Per rumah sakit", "Tempat tidur per rumah sakit dan kelas, dengan umur datanya.", 14, 8),
        table(
            "kpi_beds",
            (
                ("total", "Jumlah"),
                ("free", "Kosong"),
                ("taken", "Terisi"),
                ("unknown", "Tidak diketahui"),
                ("age_s", "Umur data"),
            ),
            by=("site", "class"),
        ),
        {
            "Lokasi": Column(mappings=style.words(names)),
            "Tidak diketahui": Column(thresholds=style.none_is_good(), colour=True),
            "Umur data": Column(unit=style.SECONDS, decimals=0, thresholds=style.limit(600), colour=True),
        },
    )


def _share_now() -> Target:
    inner = (
        'SELECT last("taken") AS "t", last("free") AS "f" FROM "kpi_beds_city" '
        'WHERE $timeFilter GROUP BY "class"'
    )
    query = f'SELECT 100 * sum("t") / (sum("t") + sum("f")) FROM ({inner}) WHERE $timeFilter'
    return Target(query, "Terisi", source=NOW)


def _share_over_time() -> Target:
    query = (
        'SELECT 100 * mean("taken") / (mean("taken") + mean("free")) FROM "kpi_beds_city" '
        'WHERE $timeFilter GROUP BY time($__interval), "class" fill(null)'
    )
    return Target(query, "$tag_class", source=BY_RANGE)
