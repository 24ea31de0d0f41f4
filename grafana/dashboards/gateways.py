"""Gateways and their network: who is silent, what waits on their cards, what was refused or lost."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import style
from grafana.city import City
from grafana.influxql import curve, latest, table
from grafana.panels import AnyPanel, Column, Say, curves, named, number, rows, states
from grafana.wall import Subject, begin, head

SUBJECT = Subject(
    "siaga-gateway",
    "Gateway dan jaringan",
    "Gateway yang bisu, catatan yang masih di jalan, ditolak, atau hilang; ruang kartu dan suhu.",
    "siaga-teknis",
    span="now-3h",
    refresh="30s",
)


def build(city: City) -> Dashboard:
    """The dashboard."""
    board = begin(city, SUBJECT).with_panel(head(city, SUBJECT))
    for title, text, field, thresholds in (
        ("Gateway", "Gateway yang terdaftar.", "gateways", None),
        ("Bisu", "Gateway yang sedang tidak terdengar.", "silent", style.none_is_good()),
        (
            "Belum pernah terdengar",
            "Gateway yang belum pernah terdengar.",
            "unheard",
            style.none_is_good(style.LOW),
        ),
        ("Di jalan", "Catatan yang dijanjikan gateway dan belum tersimpan.", "on_way", style.limit(10_000)),
        ("Ditolak", "Catatan yang ditolak pusat.", "refused", style.none_is_good(style.MEDIUM)),
        ("Hilang", "Catatan yang dinyatakan hilang.", "lost", style.none_is_good(style.CRITICAL)),
    ):
        board.with_panel(
            number(Say(title, text, 4), latest("kpi_fleet", field, alias=title), thresholds=thresholds)
        )
    return (
        board.with_panel(
            named(
                states(
                    Say("Terdengar", "Kapan tiap gateway terdengar dan kapan bisu.", 12, 11),
                    curve("kpi_gateways", "silent", by="gateway", how="max", fill="none"),
                    mappings=style.yes_no("BISU", "terdengar"),
                ),
                city.gateway_names,
            )
        )
        .with_panel(_gateways(city))
        .with_panel(
            named(
                curves(
                    Say("Di jalan menurut waktu", "Catatan di jalan, per gateway.", 8, 8),
                    curve("kpi_gateways", "on_way", by="gateway", how="max"),
                    decimals=0,
                    soft_min=0,
                ),
                city.gateway_names,
            )
        )
        .with_panel(
            named(
                curves(
                    Say(
                        "Kartu terpakai",
                        "Ruang kartu yang dipakai antrean, per gateway.",
                        8,
                        8,
                        style.UNITS["MB"],
                    ),
                    curve("kpi_gateways", "spool_mb", by="gateway", how="max"),
                    soft_min=0,
                ),
                city.gateway_names,
            )
        )
        .with_panel(
            curves(
                Say("Alat putus", "Alat di belakang gateway yang sedang tidak menjawab.", 8, 8),
                curve("kpi_fleet", "devices_down", how="max", alias="Alat putus"),
                decimals=0,
                soft_min=0,
            )
        )
    )


def _gateways(city: City) -> AnyPanel:
    megabytes = Column(unit=style.UNITS["MB"], decimals=1)
    return rows(
        Say("Per gateway", "Buku kas tiap gateway: tersimpan, di jalan, ditolak, hilang.", 12, 11),
        table(
            "kpi_gateways",
            (
                ("silent", "Keadaan"),
                ("heard_s", "Terdengar"),
                ("committed", "Tersimpan"),
                ("on_way", "Di jalan"),
                ("refused", "Ditolak"),
                ("lost", "Hilang"),
                ("oldest_s", "Catatan tertua"),
                ("spool_mb", "Kartu terpakai"),
                ("disk_free_mb", "Kartu bebas"),
                ("cpu_c", "Suhu"),
            ),
            by=("gateway",),
        ),
        {
            "Gateway": Column(mappings=style.words(city.gateway_names)),
            "Keadaan": Column(mappings=style.yes_no("BISU", "terdengar"), colour=True, width=100),
            "Terdengar": Column(unit=style.SECONDS, decimals=0),
            "Catatan tertua": Column(unit=style.SECONDS, decimals=0),
            "Ditolak": Column(thresholds=style.none_is_good(style.MEDIUM), colour=True),
            "Hilang": Column(thresholds=style.none_is_good(style.CRITICAL), colour=True),
            "Kartu terpakai": megabytes,
            "Kartu bebas": megabytes,
            "Suhu": Column(unit=style.UNITS["°C"], decimals=0, thresholds=style.limit(80), colour=True),
        },
        sort="Keadaan",
    )
