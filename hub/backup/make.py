"""Making a backup of a hub, while it runs or not."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy import select

from contract.credentials import FOLDER as CREDENTIALS
from hub.app import influx_config
from hub.backup import archive, files, keys, rows, series
from hub.backup.errors import BackupError
from hub.backup.rows import Say
from hub.config import HubConfig
from hub.db import production_engine, translated
from hub.ingest.tables import life
from hub.series import tiers
from hub.series.influx import Influx, InfluxConfig
from hub.series.tiers import MADE

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What goes into a backup beside SQL, configuration, profile and authority.

    Attributes:
        series_days: samples of so many days; 0 none, None all.
        root: the folder of the authority's root, when it is asked for.
    """

    series_days: int | None = None
    root: Path | None = None


def make(config: HubConfig, config_file: Path, path: Path, wanted: Wanted, *, now_ms: int, say: Say) -> str:
    """Write a backup; it is at the path, whole and read back, when this returns.

    SQL is read before the samples: what its ledger says to be in InfluxDB is then in this backup too. Blocking.

    Returns:
        why samples are missing in it; empty where they are not.

    Raises:
        HubError: a part cannot be read, or the backup cannot be written.
        OSError: a file cannot be read or written.
    """
    section, missing = config.backup, ""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with archive.writing(path, keys.recipients(section.recipients)) as writer:
        writer.about["made_ms"] = now_ms
        writer.about["config"] = str(config_file.resolve())
        places = [*files.named_in(config, config_file), *(Path(one) for one in section.also)]
        if wanted.root is not None:
            places.append(wanted.root)
        # What systemd shows to this service alone is elsewhere in truth, and named in ``also``.
        left_out = (section.folder, os.environ.get(CREDENTIALS, ""))
        without = [path, archive.part_of(path), *(Path(folder) for folder in left_out if folder)]
        collected = files.collect(places, writer.add, without=without)
        writer.about["files"] = msgspec.to_builtins(collected)
        say("files", len(collected.files))
        writer.about["sql"] = msgspec.to_builtins(_dump(config, writer, say))
        if config.influx is not None and wanted.series_days != 0:
            since_ms = 0 if wanted.series_days is None else now_ms - wanted.series_days * DAY_MS
            exported, rolled = asyncio.run(_export(influx_config(config), writer, say, since_ms))
            writer.about["series"] = msgspec.to_builtins(exported)
            writer.about["rolled"] = msgspec.to_builtins(rolled)
            missing = next((one.missing for one in (exported, *rolled.values()) if one.missing), "")
    return missing


def _dump(config: HubConfig, writer: archive.Writer, say: Say) -> dict[str, object]:
    url = config.database_url
    if config.database.file and not Path(config.database.file).exists():
        raise BackupError(f"{config.database.file} is not there", "a hub must have run once")
    engine = production_engine(url, False)
    try:
        with translated(), engine.begin() as conn:
            dumped = rows.dump(conn, writer.add, say)
            generation = conn.execute(select(life.c.generation)).scalar() or 0
    finally:
        engine.dispose()
    return {**msgspec.to_builtins(dumped), "generation": generation}


async def _export(
    at: InfluxConfig, writer: archive.Writer, say: Say, since_ms: int
) -> tuple[series.Exported, dict[str, series.Exported]]:
    """The samples, and by tier what was made of them."""
    async with Influx(at) as influx:
        exported = await series.export(influx, writer.add, say, since_ms=since_ms)
    rolled: dict[str, series.Exported] = {}
    for tier in MADE:
        async with Influx(tiers.of(at, tier)) as influx:
            rolled[tier] = await series.export(
                influx, writer.add, say, since_ms=since_ms, prefix=f"{series.ROLLED}{tier}/"
            )
    return exported, rolled
