"""Rivers and floods: the level of each post with the thresholds that count there."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from contract.kinds import KINDS
from grafana import style
from grafana.city import City
from grafana.influxql import curve, peaks, table, tag_is
from grafana.panels import AnyPanel, Column, Say, curves, named, rows, states
from grafana.wall import Subject, begin, head
from hub.region.model import Station

SUBJECT = Subject(
    "siaga-sungai",
    "Sungai dan banjir",
    "Muka air, kecepatan naik, dan hujan di tiap pos duga air, dengan batas siaganya.",
    "siaga-dinding",
    span="now-3h",
)


def build(city: City) -> Dashboard:
    """The dashboard: all posts together, then each for itself, from the spring to the mouth as in the profile."""
    board = begin(city, SUBJECT).with_panel(head(city, SUBJECT))
    board.with_panel(_now(city)).with_panel(
        named(
            states(
                Say("Tingkat siaga", "Tingkat siaga tiap pos. Pita terputus: tidak ada data.", 12, 9),
                curve("kpi_rivers", "severity", by="station", how="max", where='"stale" = 0'),
                mappings=style.severities(style.SIAGA),
            ),
            city.station_names,
        )
    )
    board.with_panel(
        named(
            curves(
                Say(
                    "Kecepatan naik",
                    "Kecepatan naik muka air; di bawah nol berarti surut.",
                    12,
                    8,
                    style.RISE,
                ),
                curve("kpi_rivers", "rate_m_h", by="station"),
                decimals=2,
            ),
            city.station_names,
        )
    ).with_panel(
        named(
            curves(
                Say("Hujan", "Hujan sejak alat dinyalakan, per pos.", 12, 8, style.UNITS["mm"]),
                curve("river_post", "rain_mm", by="site", how="max"),
                decimals=1,
            ),
            city.site_names,
        )
    )
    for river in dict.fromkeys(station.river for station in city.region.stations.values()):
        board.with_row(Row(f"Sungai {river}"))
        for station in city.region.stations.values():
            if station.river == river:
                board.with_panel(_post(station.at(city.at_ms)))
    return board


def _now(city: City) -> AnyPanel:
    metres = Column(unit=style.METRES, decimals=2, width=90)
    return rows(
        Say("Sekarang", "Muka air dan batas siaga yang berlaku sekarang, per pos.", 12, 9),
        table(
            "kpi_rivers",
            (
                ("severity", "Tingkat"),
                ("level_m", "Muka air"),
                ("rate_m_h", "Naik"),
                ("next_s", "Tingkat berikut"),
                ("siaga3_m", "Siaga 3"),
                ("siaga2_m", "Siaga 2"),
                ("siaga1_m", "Siaga 1"),
                ("age_s", "Umur data"),
                ("stale", "Data"),
            ),
            by=("station",),
        ),
        {
            "Pos": Column(mappings=style.words(city.station_names)),
            "Tingkat": Column(mappings=style.severities(style.SIAGA), colour=True, width=90),
            "Muka air": metres,
            "Naik": Column(unit=style.RISE, decimals=2, width=100),
            "Tingkat berikut": Column(unit=style.SECONDS, decimals=0),
            **dict.fromkeys(("Siaga 3", "Siaga 2", "Siaga 1"), metres),
            "Umur data": Column(unit=style.SECONDS, decimals=0),
            "Data": Column(mappings=style.yes_no("BISU", "baru"), colour=True, width=80),
        },
        sort="Tingkat",
    )


def _post(station: Station) -> timeseries.Panel:
    unit = style.UNITS[KINDS[station.kind].quantities[station.quantity].unit]
    words = ", ".join(
        f"{label} mulai {mm / 1000:.2f} m"
        for label, mm in zip(station.labels[1:], station.thresholds_mm, strict=True)
    )
    where = f"{tag_is('gateway', station.gateway)} AND {tag_is('device', station.device)}"
    panel = curves(
        Say(station.name, f"Muka air {station.name}, sungai {station.river}. {words}.", 12, 8, unit),
        peaks(station.kind, station.quantity, where=where),
        thresholds=style.levels(station.thresholds_mm),
        decimals=2,
        joined_s=station.stale_s,
    )
    for column, title in ((station.quantity, "Muka air"), (f"{station.quantity}_max", "Puncak")):
        panel.override_by_name(f"max_{column}", [DynamicConfigValue(id_val="displayName", value=title)])
    return panel
