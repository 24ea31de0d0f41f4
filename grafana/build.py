"""All dashboards of a city, and the command that writes those of Kota Contoh into ``grafana/generated``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from grafana import city as cities
from grafana.city import City
from grafana.dashboards import (
    alarm_quality,
    attendance,
    beds,
    buttons,
    gateways,
    incidents,
    overview,
    pipeline,
    river,
    services,
)
from grafana.wall import Subject, finished

MODULES: tuple[ModuleType, ...] = (
    overview,
    river,
    beds,
    incidents,
    buttons,
    alarm_quality,
    attendance,
    services,
    gateways,
    pipeline,
)
"""In the order of the kiosk's playlist."""

SUBJECTS: tuple[Subject, ...] = tuple(module.SUBJECT for module in MODULES)

WALL_FOLDER = "siaga-dinding"
"""Folder of what the wall shows in turn."""

HERE = Path(__file__).parent
GENERATED = HERE / "generated"
PROFILE = HERE.parent / "profiles" / "kota-contoh"
GENERATED_AT_MS = 1_795_000_000_000
"""The files say what counts in November 2026: thresholds with a date would otherwise change them by themselves."""


def dashboards(city: City) -> dict[str, dict[str, Any]]:
    """Every dashboard by its uid, as Grafana's classic JSON."""
    return {module.SUBJECT.uid: finished(module.build(city)) for module in MODULES}


def texts() -> dict[str, str]:
    """What belongs into ``generated``, by file name."""
    found = dashboards(cities.read(PROFILE, GENERATED_AT_MS))
    return {f"{uid}.json": json.dumps(one, indent=1, ensure_ascii=False) + "\n" for uid, one in found.items()}


def main() -> int:
    """Write the files anew and take away what is no dashboard any more."""
    wanted = texts()
    GENERATED.mkdir(exist_ok=True)
    for file in GENERATED.glob("*.json"):
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        (GENERATED / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
