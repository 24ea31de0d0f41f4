"""Services and programmes: what programmes have reached of their targets, and which places of each kind report."""

from __future__ import annotations

from dataclasses import replace

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import style
from grafana.city import City
from grafana.influxql import LONG, NOW, Target, curve, latest, over_all, table
from grafana.panels import Column, Say, bars, curves, named, number, rows
from grafana.wall import Subject, begin, head

SUBJECT = Subject(
    "siaga-layanan",
    "Layanan dan program",
    "Capaian program kota terhadap targetnya, dan tempat layanan yang terpasang dan terdengar.",
    "siaga-pimpinan",
    span="now-24h",
    refresh="30s",
)

JOINED_D = 100
"""Some programmes are reported by the quarter."""

KINDS = {
    "hospital": "Rumah sakit",
    "river_post": "Pos duga air",
    "office": "Kantor",
    "intersection": "Persimpangan",
    "minimarket": "Minimarket",
    "market": "Pasar",
    "school": "Sekolah",
}


def build(city: City) -> Dashboard:
    """The dashboard."""
    board = begin(city, SUBJECT).with_panel(head(city, SUBJECT))
    if city.programmes:
        _programmes(city, board)
    return (
        board.with_panel(
            number(
                Say("Tempat layanan", "Tempat layanan yang punya gateway.", 8),
                over_all("kpi_sites", "sites", by="kind", alias="Tempat"),
            )
        )
        .with_panel(
            number(
                Say("Terdengar", "Tempat layanan yang sedang terdengar.", 8),
                over_all("kpi_sites", "heard", by="kind", alias="Terdengar"),
            )
        )
        .with_panel(
            number(
                Say("Jangkauan", "Bagian tempat layanan yang sedang terdengar.", 8, unit=style.PERCENT),
                _share(),
                thresholds=style.least(95),
            )
        )
        .with_panel(
            rows(
                Say("Per jenis", "Tempat layanan terpasang dan terdengar, per jenis.", 12, 9),
                table("kpi_sites", (("sites", "Terpasang"), ("heard", "Terdengar")), by=("kind",)),
                {"Jenis": Column(mappings=style.words(KINDS))},
            )
        )
        .with_panel(
            named(
                bars(
                    Say(
                        "Jangkauan per jenis",
                        "Bagian tempat yang terdengar, per jenis.",
                        12,
                        9,
                        style.PERCENT,
                    ),
                    _share(by="kind"),
                    thresholds=style.least(95),
                    most=100,
                ),
                KINDS,
            )
        )
        .with_panel(
            named(
                curves(
                    Say("Terdengar menurut waktu", "Tempat yang terdengar, per jenis.", 24, 8),
                    curve("kpi_sites", "heard", by="kind"),
                    decimals=0,
                    soft_min=0,
                ),
                KINDS,
            )
        )
    )


def _programmes(city: City, board: Dashboard) -> None:
    names = city.programme_names
    columns = (
        ("value", "Capaian"),
        ("target", "Target"),
        ("off", "Keadaan"),
        ("age_s", "Umur data"),
        ("late", "Laporan"),
    )
    board.with_panel(
        rows(
            Say("Program", "Nilai terakhir tiap program di samping targetnya, dalam satuannya.", 12, 10),
            table("kpi_programmes", columns, by=("programme",)),
            {
                "Program": Column(mappings=style.words(names), width=330),
                "Capaian": Column(decimals=1),
                "Target": Column(decimals=1),
                "Keadaan": Column(
                    mappings=style.yes_no("DI BAWAH TARGET", "tercapai", style.MEDIUM), colour=True
                ),
                "Umur data": Column(unit=style.SECONDS, decimals=0),
                "Laporan": Column(mappings=style.yes_no("TERLAMBAT", "tepat waktu", style.LOW), colour=True),
            },
        )
    )
    board.with_panel(
        named(
            bars(
                Say(
                    "Capaian terhadap target",
                    "Bagian dari target yang tercapai; seratus persen adalah targetnya.",
                    12,
                    10,
                    style.PERCENT,
                ),
                latest("kpi_programmes", "reached_pct", by="programme"),
                thresholds=style.least(100),
                most=100,
            ),
            names,
        )
    )
    board.with_panel(
        named(
            curves(
                Say("Capaian setahun", "Nilai yang dilaporkan tiap program, pada harinya.", 24, 8),
                replace(
                    curve("programme_values", "value", by="programme", how="last", fill="none"), source=LONG
                ),
                decimals=1,
                soft_min=0,
                joined_s=JOINED_D * 86_400,
            ),
            names,
        ).time_from("365d")
    )


def _share(by: str = "") -> Target:
    inner = (
        'SELECT last("heard") AS "h", last("sites") AS "s" FROM "kpi_sites" WHERE $timeFilter GROUP BY "kind"'
    )
    group = f' GROUP BY "{by}"' if by else ""
    query = f'SELECT 100 * sum("h") / sum("s") FROM ({inner}) WHERE $timeFilter{group}'
    return Target(query, f"$tag_{by}" if by else "Jangkauan", source=NOW)
