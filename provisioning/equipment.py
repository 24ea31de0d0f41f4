"""What hangs on a gateway, written down once at the desk: ``gateways/ID.toml``, and the gateway.toml made of it.

The file has the tables of gateway.toml that say what is behind the gateway. Who it is, where the broker is and where it
renews its certificate is added here, from the region profile and the city's settings. Made from the same files it is
the same to the byte, so a board that replaces a dead one has its configuration.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.region import Gateway, Region
from provisioning.errors import CardRefused

OURS = ("gateway", "broker", "enrolment")
"""Tables that are added here."""

DATA = "../../var/lib/siaga"
"""Where a gateway keeps what it makes, as seen from /etc/siaga. Relative, so that the whole may lie below any root."""

CHECK = "from edge.cli import main; raise SystemExit(main())"
CHECK_S = 30.0


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where a gateway finds its city: the broker, and the enrolment service's address."""

    broker_host: str
    broker_port: int
    enrolment_url: str


@dataclass(frozen=True, slots=True)
class Equipment:
    """A gateway's equipment as it was written down, and the folder that it may take instrument files from."""

    path: Path
    text: str
    tables: dict[str, Any]

    @property
    def instruments(self) -> list[Path]:
        """Instrument files of the city's own that go along."""
        return sorted((self.path.parent / "instruments").glob("*.toml"))


def load_equipment(path: Path) -> Equipment:
    """Read a gateway's equipment.

    Raises:
        CardRefused: it is not there, no TOML, or says what is not its to say.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except FileNotFoundError as error:
        hint = "write down its buses, devices and contacts as firmware_configs/gateway.example.toml shows"
        raise CardRefused(f"{path} is not there", hint) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CardRefused(f"{path}: {error}", "see firmware_configs/gateway.example.toml") from error
    for name in OURS:
        if name in tables:
            raise CardRefused(f"{path}: [{name}] is not of this file", "it is written by this command")
    spool = tables.get("spool")
    if spool is not None and not (isinstance(spool, dict) and "path" in spool):
        raise CardRefused(f"{path}: [spool] without path", f'path = "{DATA}/spool.sqlite"')
    return Equipment(path, text, tables)


def check(equipment: Equipment, region: Region, gateway: Gateway, *, bench: bool) -> None:
    """What the region profile expects behind the gateway is there, and nothing simulated unless on the bench.

    Raises:
        CardRefused: with what is missing.
    """
    if equipment.tables.get("simulated") and not bench:
        raise CardRefused(
            f"{equipment.path}: simulated devices do not go into the field", "their values look true; --bench"
        )
    named = set(_names(equipment.tables))
    missing = sorted(_expected(region, gateway.id) - named)
    if missing:
        raise CardRefused(
            f"{equipment.path}: the region profile has {', '.join(missing)} behind {gateway.id}",
            "under another name the hub stores its values and raises no alarm",
        )


def gateway_toml(equipment: Equipment, gateway: Gateway, meeting: Meeting) -> str:
    """The whole configuration of the gateway."""
    tables: dict[str, dict[str, object]] = {
        "gateway": {
            "id": gateway.id,
            "cell": gateway.cell,
            "site": gateway.site,
            "beat_s": float(gateway.beat_s),
        },
        "broker": {
            "host": meeting.broker_host,
            "port": meeting.broker_port,
            "ca_file": f"{DATA}/tls/ca.pem",
            "cert_file": f"{DATA}/tls/gateway.pem",
            "key_file": f"{DATA}/tls/gateway.pem",
        },
        "enrolment": {"url": meeting.enrolment_url},
    }
    if "spool" not in equipment.tables:
        tables["spool"] = {"path": f"{DATA}/spool.sqlite"}
    # Theirs first: a key before any table belongs to the file as a whole.
    lines = [equipment.text.rstrip("\n"), ""]
    if equipment.instruments and "instruments" not in equipment.tables:
        lines.insert(0, 'instruments = ["instruments"]')
    lines.append("# Added by siaga-provision card.")
    for name, values in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def judge(text: str, equipment: Equipment) -> None:
    """Let the gateway's own program read it, so that no mistake goes to the site.

    Raises:
        CardRefused: with every mistake, as ``siaga-edge check`` tells it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gateway.toml"
        path.write_text(text, encoding="utf-8")
        for one in equipment.instruments:
            (Path(folder) / "instruments").mkdir(exist_ok=True)
            (Path(folder) / "instruments" / one.name).write_bytes(one.read_bytes())
        # A program of its own: provisioning imports nothing of the gateway.
        asked = [sys.executable, "-c", CHECK, "check", "--config", str(path)]
        found = subprocess.run(asked, capture_output=True, text=True, timeout=CHECK_S, check=False)
        if found.returncode or not found.stdout:
            said = found.stderr.strip().replace(str(path), str(equipment.path))
            raise CardRefused(
                said, "the lines are those of the whole gateway.toml, which begins with this file"
            )


def _names(tables: dict[str, Any]) -> Iterator[str]:
    for entries in tables.values():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                yield entry["name"]


def _expected(region: Region, gateway: str) -> set[str]:
    """Devices that the hub knows behind a gateway: its river posts, buttons and wards."""
    tables = (region.stations, region.buttons, region.wards)
    return {one.device for table in tables for one in table.values() if one.gateway == gateway}
