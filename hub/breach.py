"""The pack for the report of a breach: who did what, what there was to take, and whether the record of it holds.

UU 27/2022, Article 46, gives three times 24 hours to tell the people concerned and the agency: which data, when and how
it came out, and what is done about it. The pack has what the hub knows of that, as files that anybody can open, and a
draft with blanks for what only people know. It holds users' names and addresses and no secret.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from contract.codec import decode_body
from contract.errors import DecodeError
from hub.api import audit as trail
from hub.api.audit import Head
from hub.api.tables import audit, users
from hub.fleet.tables import gateways
from hub.incidents.tables import incidents, presses
from hub.ingest.reads import PERSONAL
from hub.ingest.tables import dead_letters, events

DRAFT = """\
# Pemberitahuan kegagalan pelindungan data pribadi / Notice of a breach

Rancangan, UU 27/2022 Pasal 46: kepada subjek data dan lembaga, paling lambat 3 x 24 jam sejak diketahui.
A draft: to the people concerned and the agency, within three times 24 hours of when it was known.

- Kota / city: {city}
- Masa yang diperiksa / period looked at: {since} – {until} (UTC)
- Diketahui pada / known since: …
- Data pribadi yang terungkap / data that came out: …
  Yang tersimpan / what there was: {scans} pindaian absensi dari {persons} orang dengan nama samaran / scans of
  {persons} people under pseudonyms, {in_period} di antaranya dalam masa ini / of them in this period;
  {presses} tombol panik / presses; {users} akun pengguna / users' accounts.
  Nama, foto, dan sidik jari tidak ada / no names of these people, photos or fingerprints.
- Kapan dan bagaimana / when and how: …
- Upaya penanganan dan pemulihan / what is done about it: …
- Jejak audit / audit trail: {verdict}
- Narahubung / contact: …
"""


def save(path: Path, files: Mapping[str, str]) -> None:
    """Write the pack, readable by its owner only.

    Raises:
        OSError: it cannot be written, or is there already.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, text in files.items():
            pack.writestr(name, text)


def contents(
    conn: Connection, *, city: str, since_ms: int, until_ms: int, noted: Head | None
) -> dict[str, str]:
    """The files of the pack by name, all of one moment.

    Args:
        noted: a head of the trail that was noted elsewhere.
    """
    period = (audit.c.at_ms >= since_ms, audit.c.at_ms <= until_ms)
    rows = conn.execute(select(audit).where(*period).order_by(audit.c.n)).mappings().all()
    fault = trail.first_fault(conn, anchor=noted)
    persons, scans, in_period = _scans(conn, since_ms, until_ms)
    summary = {
        "city": city,
        "since": _time(since_ms),
        "until": _time(until_ms),
        "trail": {
            "fault": fault,
            "head": str(trail.head(conn)),
            "noted": None if noted is None else str(noted),
        },
        "actions": Counter(row["action"] for row in rows),
        "actors": Counter(row["actor"] for row in rows),
        "attendance": {"people": persons, "scans": scans, "scans_in_period": in_period},
        "incidents": _count(conn, incidents),
        "presses": _count(conn, presses),
        "users": _count(conn, users),
    }
    draft = DRAFT.format(
        city=city,
        since=_time(since_ms),
        until=_time(until_ms),
        scans=scans,
        persons=persons,
        in_period=in_period,
        presses=summary["presses"],
        users=summary["users"],
        verdict="utuh / whole" if fault is None else f"DIUBAH / TAMPERED WITH: {fault}",
    )
    people = select(
        users.c.name,
        users.c.full_name,
        users.c.roles,
        users.c.active,
        users.c.created_ms,
        users.c.password_ms,
    )
    plant = select(
        gateways.c.gateway, gateways.c.first_ms, gateways.c.last_ms, gateways.c.software, gateways.c.config
    )
    refused = (
        select(dead_letters.c.gateway, dead_letters.c.reason, func.sum(dead_letters.c.times).label("times"))
        .where(dead_letters.c.last_ms >= since_ms, dead_letters.c.first_ms <= until_ms)
        .group_by(dead_letters.c.gateway, dead_letters.c.reason)
        .order_by(dead_letters.c.gateway, dead_letters.c.reason)
    )
    return {
        "laporan.md": draft,
        "summary.json": json.dumps(summary, ensure_ascii=False, indent=1),
        "audit.csv": _csv(rows),
        "users.csv": _csv(conn.execute(people.order_by(users.c.name)).mappings()),
        "gateways.csv": _csv(conn.execute(plant.order_by(gateways.c.gateway)).mappings()),
        "refused.csv": _csv(conn.execute(refused).mappings()),
    }


def _scans(conn: Connection, since_ms: int, until_ms: int) -> tuple[int, int, int]:
    """How many people have scans here, how many scans there are, and how many came in the period."""
    people: set[tuple[object, object]] = set()
    total = in_period = 0
    for body, received_ms in conn.execute(
        select(events.c.body, events.c.received_ms).where(events.c.kind.in_(PERSONAL))
    ):
        total += 1
        in_period += since_ms <= received_ms <= until_ms
        try:
            data = decode_body(body).data
        except DecodeError:
            continue
        people.add((data.get("key"), data.get("who")))
    return len(people), total, in_period


def _count(conn: Connection, table: Any) -> int:
    return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def _csv(rows: Iterable[Mapping[Any, Any]]) -> str:
    """A table with its names; a time in ms has its UTC beside it, and what a spreadsheet would compute is text."""
    out = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        cells: dict[str, object] = {}
        for name, value in row.items():
            cells[name] = (
                f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
            )
            if name.endswith("_ms"):
                cells[name.removesuffix("_ms") + "_utc"] = "" if value is None else _time(value)
        if writer is None:
            writer = csv.DictWriter(out, list(cells))
            writer.writeheader()
        writer.writerow(cells)
    return out.getvalue()


def _time(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat(timespec="seconds")
