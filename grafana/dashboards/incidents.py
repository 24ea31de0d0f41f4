"""Incidents and how long people took to answer."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import style
from grafana.city import City
from grafana.influxql import LONG, NOW, Target, curve, facts, latest, over_all, tag_is
from grafana.panels import Column, Say, bars, curves, named, number, rows
from grafana.wall import Subject, begin, head
from hub.incidents.kinds import KINDS

SUBJECT = Subject(
    "siaga-insiden",
    "Insiden dan waktu tanggap",
    "Insiden terbuka, ditutup, dan palsu; berapa lama sampai diakui, ditugaskan, dan ditangani.",
    "siaga-pimpinan",
    span="now-24h",
)


KINDS_ID: dict[str, str] = {kind: indonesian for kind, (indonesian, _) in KINDS.items()}


def build(city: City) -> Dashboard:
    """The dashboard."""
    board = begin(city, SUBJECT).with_panel(head(city, SUBJECT))
    for title, text, field, thresholds in (
        ("Terbuka", "Insiden yang belum ditutup.", "open", style.none_is_good(style.MEDIUM)),
        (
            "Belum diambil",
            "Insiden yang belum diambil siapa pun.",
            "unclaimed",
            style.none_is_good(style.CRITICAL),
        ),
        ("Belum diverifikasi", "Insiden yang belum diverifikasi.", "unverified", style.none_is_good()),
        ("Dibuka 24 jam", "Insiden yang dibuka dalam 24 jam terakhir.", "opened_24h", None),
        ("Ditutup 24 jam", "Insiden yang ditutup dalam 24 jam terakhir.", "closed_24h", None),
        ("Palsu 24 jam", "Insiden yang ternyata palsu dalam 24 jam terakhir.", "false_24h", None),
    ):
        board.with_panel(
            number(
                Say(title, text, 4),
                over_all("kpi_incidents", field, by="kind", alias=title),
                thresholds=thresholds,
            )
        )
    return (
        board.with_panel(
            named(
                bars(
                    Say("Menurut keadaan", "Insiden terbuka menurut keadaannya.", 8, 8),
                    latest("kpi_incident_states", "open", by="state"),
                ),
                style.STATES,
            )
        )
        .with_panel(
            named(
                bars(
                    Say("Menurut jenis", "Insiden terbuka menurut jenisnya.", 8, 8),
                    latest("kpi_incidents", "open", by="kind"),
                ),
                KINDS_ID,
            )
        )
        .with_panel(
            number(
                Say(
                    "Menunggu terlama",
                    "Umur insiden tertua yang belum diambil; 0 berarti tidak ada yang menunggu.",
                    8,
                    8,
                    style.SECONDS,
                ),
                _oldest(),
                thresholds=style.steps((None, style.NORMAL), (15, style.HIGH), (60, style.CRITICAL)),
            )
        )
        .with_panel(
            named(
                bars(
                    Say(
                        "Waktu tanggap, separuh",
                        "Separuh insiden mencapai langkah itu dalam waktu ini, sejak insiden dibuka.",
                        12,
                        9,
                        style.SECONDS,
                    ),
                    _quantile(50),
                    fresh=ALL,
                ),
                style.STATES,
            )
        )
        .with_panel(
            named(
                bars(
                    Say(
                        "Waktu tanggap, sembilan dari sepuluh",
                        "Sembilan dari sepuluh insiden mencapai langkah itu dalam waktu ini, sejak insiden dibuka.",
                        12,
                        9,
                        style.SECONDS,
                    ),
                    _quantile(90),
                    fresh=ALL,
                ),
                style.STATES,
            )
        )
        .with_panel(
            named(
                curves(
                    Say("Insiden terbuka menurut waktu", "Insiden terbuka, per jenis.", 12, 8),
                    curve("kpi_incidents", "open", by="kind"),
                    stacked=True,
                    decimals=0,
                    soft_min=0,
                ),
                KINDS_ID,
            )
        )
        .with_panel(
            rows(
                Say("Insiden terakhir", "Insiden pada rentang waktu ini, yang terbaru di atas.", 12, 8),
                facts(
                    "annotations",
                    (
                        ("title", "Insiden"),
                        ("text", "Keterangan"),
                        ("site", "Lokasi"),
                        ("until_ms", "Ditutup"),
                    ),
                    where=tag_is("kind", "incident"),
                ),
                {
                    "Waktu": Column(unit="time: DD/MM HH:mm", width=110),
                    "Lokasi": Column(mappings=style.words(city.site_names)),
                    "Ditutup": Column(unit="time: DD/MM HH:mm", width=110),
                },
                fresh=None,
                show_time="Waktu",
            )
        )
    )


ALL = "30d"
"""Range of the answer times: a day has too few incidents."""


def _quantile(percent: int) -> Target:
    query = f'SELECT percentile("seconds", {percent}) FROM "response" WHERE $timeFilter GROUP BY "step"'
    return Target(query, "$tag_step", source=LONG)


def _oldest() -> Target:
    """The oldest that waits, 0 where none does."""
    inner = 'SELECT last("oldest_unclaimed_s") AS "n" FROM "kpi_incidents" WHERE $timeFilter GROUP BY "kind"'
    return Target(f'SELECT max("n") FROM ({inner}) WHERE $timeFilter', "Menunggu", source=NOW)
