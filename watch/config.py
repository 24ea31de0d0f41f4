"""The watch's configuration: one strict TOML file. Secrets are in files of their own.

Relative paths count from the folder of the file; ``credential:NAME`` is a secret that systemd hands over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from contract.credentials import placed
from contract.strict_toml import Mistake, load

FilePath = Annotated[str, msgspec.Meta(min_length=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]

CONTACTS = 2
"""So many people are told: one of them sleeps, or is in a tunnel."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all tables of the file."""


class Broker(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the broker is, as gateways reach it, and the watch's own certificate."""

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8883
    ca: FilePath
    certificate: FilePath
    key: FilePath


class Press(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The test press.

    Attributes:
        every_s: from the beginning of one to that of the next.
        answer_s: so long the receipt may take, connection and all.
        down_after_s: when none was answered for so long, people are told.
    """

    every_s: Seconds = 10.0
    answer_s: Seconds = 10.0
    down_after_s: Seconds = 60.0


class Contact(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Someone who is told. ``url_file`` holds one Apprise URL: chat, mail, SMS, or a webhook (``jsons://…``)."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    url_file: FilePath


class Config(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file, with every path absolute.

    Attributes:
        name: of the city, for the messages.
        memory: file that remembers over a restart that people were told.
        zone, zone_label: in which times are told.
    """

    name: str
    memory: FilePath = "/var/lib/siaga-watch/told"
    zone: str = "Asia/Jakarta"
    zone_label: str = "WIB"
    broker: Broker
    press: Press = Press()
    contact: tuple[Contact, ...] = ()


def load_config(path: Path) -> Config:
    """Read the file.

    Raises:
        contract.strict_toml.TomlError: with file, line and what to write instead.
        contract.credentials.CredentialError: systemd has not handed over what it names.
    """
    config = load(path, Config, check=_mistakes)
    folder = path.resolve().parent

    def at(text: str) -> str:
        return str(placed(text, folder))

    replace, broker = msgspec.structs.replace, config.broker
    return replace(
        config,
        memory=at(config.memory),
        broker=replace(broker, ca=at(broker.ca), certificate=at(broker.certificate), key=at(broker.key)),
        contact=tuple(replace(one, url_file=at(one.url_file)) for one in config.contact),
    )


def _mistakes(config: Config) -> Iterator[Mistake]:
    if len({one.name for one in config.contact}) < CONTACTS:
        yield Mistake(
            f"{CONTACTS} different contacts are needed",
            at=("contact",),
            instead="a [[contact]] with name and url_file for each",
        )
    if config.press.answer_s > config.press.down_after_s:
        yield Mistake("one press takes longer than the patience with all", at=("press", "answer_s"))
    try:
        ZoneInfo(config.zone)
    except (KeyError, ValueError, OSError):
        yield Mistake(f"{config.zone!r} is no time zone", at=("zone",), instead='"Asia/Jakarta"')
