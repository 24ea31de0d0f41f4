"""A desk at which cards are written: the folder of a city, its region profile and what hangs on its gateways."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from provisioning.ca import Authority

PROFILE = Path(__file__).parents[2] / "profiles" / "kota-contoh"
SITE = "pos-bendung-hulu"
GATEWAY = "gw-pos-bendung-hulu"
CELL = 1

EQUIPMENT = """
[[simulated]] # a gauge of the bench
name = "duga-air"
kind = "river_post"
poll_s = 0.2
values = { level_m = { mean = 1.25 }, rain_mm = { mean = 0.6 } }

[spool]
path = "../../var/lib/siaga/spool.sqlite"
telemetry_mb = 1.0
event_mb = 0.5
panic_mb = 0.5
"""

CITY = """
[enrolment]
url = "https://127.0.0.1:{enrolment}"
listen = "127.0.0.1"
port = {enrolment}
[broker]
folder = "{broker}"
reload = {reload}
listen = "127.0.0.1"
port = {port}
[card]
profile = "{profile}"
country = "ID"
time_servers = ["ntp.contoh.example"]
console = "https://hub.contoh.example"
{more}
"""


def set_up(
    folder: Path,
    *,
    enrolment: int = 8443,
    port: int = 8883,
    broker: Path,
    reload: Sequence[str] = (),
    more: str = "",
) -> None:
    """Write what the desk keeps into the folder of a city that is there."""
    values = {"enrolment": enrolment, "port": port, "broker": broker, "profile": PROFILE, "more": more}
    text = CITY.format(reload=json.dumps(list(reload)), **values)
    (folder / "city.toml").write_text(text)
    (folder / "gateways").mkdir()
    (folder / "gateways" / f"{GATEWAY}.toml").write_text(EQUIPMENT)


def new_desk(tmp_path: Path, more: str = "") -> Path:
    """A city of its own; its folder."""
    folder = tmp_path / "city"
    Authority.create(folder, name="Siaga Kota Contoh")
    set_up(folder, broker=tmp_path / "broker", more=more)
    return folder
