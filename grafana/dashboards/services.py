"""Public services: which places of each kind report, and how they are served by what the city has put up."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import style
from grafana.city import City
from grafana.influxql import NOW, Target, curve, over_all, table
from grafana.panels import Column, Say, bars, curves, named, number, rows
from grafana.wall import Subject, begin, head

SUBJECT = Subject(
    "siaga-layanan",
    "Layanan dan program",
    "Jangkauan program sensor kota per jenis tempat layanan: terpasang dan terdengar.",
    "siaga-pimpinan",
    span="now-24h",
    refresh="30s",
)

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
    return (
        begin(city, SUBJECT)
        .with_panel(head(city, SUBJECT))
        .with_panel(
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


def _share(by: str = "") -> Target:
    inner = (
        'SELECT last("heard") AS "h", last("sites") AS "s" FROM "kpi_sites" WHERE $timeFilter GROUP BY "kind"'
    )
    group = f' GROUP BY "{by}"' if by else ""
    query = f'SELECT 100 * sum("h") / sum("s") FROM ({inner}) WHERE $timeFilter{group}'
    return Target(query, f"$tag_{by}" if by else "Jangkauan", source=NOW)
