"""A small invented city and presses of its buttons, for tests of incidents, notices and the API."""

import itertools
from dataclasses import replace
from typing import Any

from hub.ingest.events import StoredEvent
from hub.region import Agency, Button, Channel, Gateway, Region, Site, Station, Ward

NOW = 1_795_000_000_000

DESK = Agency("bpbd", "Pusat Komando Kota Contoh", "PUSKO", (Channel("desk-hook", "webhook", "Meja jaga"),))

REGION = Region(
    id="kota-contoh",
    name="Kota Contoh",
    zone="Asia/Jakarta",
    zone_label="WIB",
    sites={
        "rs-1": Site("rs-1", "RS Contoh", "hospital", -7.3, 108.2),
        "pasar": Site("pasar", "Pasar Contoh", "market", -7.31, 108.21),
    },
    gateways={
        "gw-rs-1": Gateway("gw-rs-1", 1, "rs-1"),
        "gw-pasar": Gateway("gw-pasar", 2, "pasar"),
    },
    stations={
        "hulu": Station(
            id="hulu",
            name="Pos Hulu",
            river="Ci Contoh",
            site="pasar",
            gateway="gw-pasar",
            device="level-1",
            kind="river_post",
            quantity="level_m",
            thresholds_mm=(800, 1500, 2000),
            hysteresis_mm=50,
            labels=("Siaga 4", "Siaga 3", "Siaga 2", "Siaga 1"),
        )
    },
    buttons={
        "igd": Button("igd", "Tombol IGD", "rs-1", "gw-rs-1", "btn-1", "meja perawat", "021-555-0101"),
        "lobi": Button("lobi", "Tombol Lobi", "rs-1", "gw-rs-1", "btn-2", "lobi", "021-555-0102"),
        "kios": Button("kios", "Tombol Kios", "pasar", "gw-pasar", "btn-1", "blok A"),
    },
    wards={
        "mawar": Ward("mawar", "Mawar", "rs-1", "III", "gw-rs-1", "panel-1", {"bed_01": "1", "bed_02": "2"})
    },
    agencies={"bpbd": DESK, "damkar": Agency("damkar", "Dinas Kebakaran", "Damkar", ())},
    duty_desk=DESK,
    devices=(),
)

_numbers = itertools.count(1)


def press(device: str = "btn-1", *, gateway: str = "gw-rs-1", at: int = NOW, **changes: Any) -> StoredEvent:
    """A fresh press that arrives 50 ms after it happened, at hub time ``at``; ``changes`` replace fields."""
    number = next(_numbers)
    event = StoredEvent(
        row_id=number,
        gateway=gateway,
        cell=1,
        site=REGION.gateways[gateway].site,
        epoch="0123456789abcdef",
        lane="panic",
        seq=number,
        event_id=f"{number:032x}",
        kind="panic_press",
        device=device,
        data={},
        t_ms=at - 50,
        error_ms=5,
        received_ms=at,
        age_ms=50,
        again=False,
        conflict=False,
        malformed=False,
        raw=b"{}",
    )
    return replace(event, **changes)
