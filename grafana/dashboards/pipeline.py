"""The pipeline itself: how much comes, how fast it is committed, what waits, what was refused."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, ThresholdsConfig

from grafana import style
from grafana.city import City
from grafana.influxql import curve, latest, over_all
from grafana.panels import Say, curves, named, number
from grafana.wall import Subject, begin, head

SUBJECT = Subject(
    "siaga-jalur-data",
    "Jalur data",
    "Jalur data dari gateway sampai tersimpan: laju, keterlambatan, antrean, penolakan.",
    "siaga-teknis",
    span="now-1h",
)

COMMIT_LIMIT_MS = 1_000.0
"""From which time of a commit on the hub is slow: presses have a tenth of it."""


def build(city: City) -> Dashboard:
    """The dashboard."""
    board = begin(city, SUBJECT).with_panel(head(city, SUBJECT))
    for title, text, field, unit, thresholds in (
        ("Nilai per detik", "Nilai yang diterima per detik.", "values_per_s", style.RATE, None),
        (
            "Ditahan",
            "1: pusat menahan penerimaan karena penyimpanan tidak siap.",
            "hold",
            style.COUNT,
            _bad(),
        ),
        ("InfluxDB mati", "Berapa lama InfluxDB tidak menjawab.", "series_down_s", style.SECONDS, _bad()),
        ("Surat mati", "Pesan yang tidak dapat dipercaya atau dibaca.", "dead_letters", style.COUNT, _some()),
        ("Baris ditolak", "Baris yang ditolak InfluxDB.", "writer_rejected", style.COUNT, _some()),
        (
            "Rekap tertinggal",
            "Ketertinggalan rekap semenit.",
            "rollup_lag_s",
            style.SECONDS,
            style.limit(300),
        ),
    ):
        board.with_panel(
            number(
                Say(title, text, 4, unit=unit),
                latest("kpi_pipeline", field, alias=title),
                thresholds=thresholds,
            )
        )
    return (
        board.with_panel(
            curves(
                Say("Laju", "Nilai yang diterima per detik.", 12, 8, style.RATE),
                curve("kpi_pipeline", "values_per_s", alias="Nilai"),
                soft_min=0,
            )
        )
        .with_panel(
            named(
                curves(
                    Say(
                        "Kirim sampai tersimpan",
                        "99 dari 100 catatan tersimpan dalam waktu ini, per jalur.",
                        12,
                        8,
                        style.MILLISECONDS,
                    ),
                    curve("kpi_lanes", "commit_p99_ms", by="lane", how="max"),
                    thresholds=style.limit(COMMIT_LIMIT_MS),
                    soft_min=0,
                ),
                style.LANES,
            )
        )
        .with_panel(
            named(
                curves(
                    Say("Catatan per detik", "Catatan per detik, per jalur.", 12, 8, style.RATE),
                    curve("kpi_lanes", "records_per_s", by="lane"),
                    soft_min=0,
                ),
                style.LANES,
            )
        )
        .with_panel(
            curves(
                Say("Antrean", "Yang menunggu ditulis ke InfluxDB, ke SQL, dan untuk direkap.", 12, 8),
                *(
                    curve("kpi_pipeline", field, how="max", alias=alias)
                    for field, alias in (
                        ("writer_waiting", "InfluxDB"),
                        ("sql_waiting", "SQL"),
                        ("rollup_waiting", "Rekap"),
                    )
                ),
                decimals=0,
                soft_min=0,
            )
        )
        .with_panel(
            curves(
                Say("Catatan di jalan", "Yang dijanjikan semua gateway dan belum tersimpan.", 12, 8),
                curve("kpi_fleet", "on_way", how="max", alias="Di jalan"),
                decimals=0,
                soft_min=0,
            )
        )
        .with_panel(
            number(
                Say(
                    "Ruang terpakai di kartu",
                    "Ruang antrean di semua kartu.",
                    6,
                    8,
                    style.UNITS["MB"],
                ),
                over_all("kpi_gateways", "spool_mb", by="gateway", alias="Kartu"),
                decimals=1,
            )
        )
        .with_panel(
            number(
                Say("Hilang", "Catatan yang dinyatakan hilang, semua gateway.", 6, 8),
                latest("kpi_fleet", "lost", alias="Hilang"),
                thresholds=style.none_is_good(style.CRITICAL),
            )
        )
    )


def _bad() -> ThresholdsConfig:
    return style.none_is_good(style.CRITICAL)


def _some() -> ThresholdsConfig:
    return style.none_is_good(style.MEDIUM)
