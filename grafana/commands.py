"""``siaga-hub grafana push`` and ``siaga-hub grafana files``."""

from __future__ import annotations

import argparse
import asyncio
import base64
import urllib.parse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from grafana.errors import GrafanaError, WriterError
from grafana.sources import SUFFIXES, Reader
from hub.errors import ConfigError
from hub.outbound import OutboundError

if TYPE_CHECKING:
    from grafana.wanted import Wanted
    from hub.config import HubConfig


WORDS = {"new": "baru / new", "changed": "diubah / changed", "same": "sama / same"}
DRY_WORDS = {
    "new": "akan dibuat / would be new",
    "changed": "akan diubah / would change",
    "same": "sama / same",
}


def options_of_push(command: argparse.ArgumentParser) -> None:
    """Of ``grafana push``."""
    command.add_argument("--dry-run", action="store_true", help="only say what would change")


def options_of_files(command: argparse.ArgumentParser) -> None:
    """Of ``grafana files``."""
    command.add_argument(
        "into", type=Path, metavar="FOLDER", help="for a Grafana that is provisioned by files"
    )


def push(config: HubConfig, options: argparse.Namespace) -> int:
    """Bring Grafana to what the profile says.

    Raises:
        GrafanaError, ConfigError: see there.
    """
    section = config.grafana
    if not section.url:
        raise ConfigError(
            "there is no [grafana] in the configuration", "docs/grafana.md says what belongs there"
        )
    token = _secret(section.token_file)
    asyncio.run(_push(section.url, token, config, dry=options.dry_run))
    return 0


async def _push(url: str, token: str, config: HubConfig, *, dry: bool) -> None:
    from grafana.api import Grafana
    from grafana.push import Push

    reader = reader_of(config)
    await refuse_a_writer(reader)
    words, counts = DRY_WORDS if dry else WORDS, Counter[str]()
    async with Grafana(url, f"Bearer {token}") as api:
        async for done in Push(api, wanted(config, reader, sealed_with=token), dry=dry).run():
            counts[done.outcome] += 1
            if done.outcome != "same":
                print(f"{done.kind}: {done.name}: {words[done.outcome]}")
    print(", ".join(f"{counts[one]} {text}" for one, text in words.items()))


def files(config: HubConfig, options: argparse.Namespace) -> int:
    """Write what a Grafana that is provisioned by files reads at its start.

    Raises:
        ConfigError, OSError: see there.
    """
    from grafana import provisioning

    reader = reader_of(config)
    written = provisioning.write(options.into, wanted(config, reader))
    print(f"{options.into}: {written} berkas / files")
    return 0


def reader_of(config: HubConfig) -> Reader:
    """InfluxDB as the walls read it.

    Raises:
        ConfigError: there is none, or its secret cannot be read.
    """
    if config.influx is None:
        raise ConfigError("there is no [influx] in the configuration", "the walls show what is in it")
    section = config.grafana
    secret = _secret(section.secret_file) if section.secret_file else ""
    url = section.influx_url or config.influx.url
    return Reader(url, config.influx.database, section.auth, section.user, secret)


async def refuse_a_writer(reader: Reader) -> None:
    """See whether InfluxDB refuses the walls' account a write, as it must. Nothing is written: the write is empty.

    Raises:
        WriterError: it does not.
        GrafanaError: InfluxDB cannot be asked.
    """
    from grafana.api import outbound_to

    if reader.auth == "none":
        return
    login = base64.b64encode(f"{reader.user}:{reader.secret}".encode()).decode()
    headers = {"Authorization": reader.header or f"Basic {login}", "Content-Type": "text/plain"}
    outbound = outbound_to(reader.url)
    try:
        for suffix in SUFFIXES.values():
            query = urllib.parse.urlencode({"db": reader.database + suffix})
            answer = await outbound.post(f"{reader.url}/write?{query}", content=b"", headers=headers)
            if answer.status not in (401, 403):
                raise WriterError(
                    f"the walls' account may write to InfluxDB (it answered {answer.status})",
                    "make one that only reads: GRANT READ ON the three databases, or a token for reading",
                )
    except OutboundError as error:
        raise GrafanaError(f"InfluxDB at {reader.url}: {error}", "does it run?") from error
    finally:
        await outbound.aclose()


def wanted(config: HubConfig, reader: Reader, *, sealed_with: str = "") -> Wanted:
    """All that the city of a configuration wants of its Grafana."""
    from grafana import alerts
    from grafana.wanted import of

    section = config.grafana
    return of(
        Path(config.profile),
        reader,
        sealed_with=sealed_with,
        contact_points=alerts.contact_points(section.alert_mail, section.alert_url),
        wall_token_file=Path(section.wall_token_file) if section.wall_token_file else None,
    )


def _secret(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "see [grafana] in the configuration") from error
