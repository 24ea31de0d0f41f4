"""Attendance readers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from contract.strict_toml import Mistake, MistakesError
from edge.config.section import Name, Port, Section


class Listen(Section, frozen=True, kw_only=True):
    """Where attendance readers upload to: an address of the network that only they are on."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=0, le=65535)] = 8081
    """0 takes a free one, for the bench."""


class Attendance(Section, frozen=True, kw_only=True):
    """What all attendance readers of the gateway share."""

    key_file: Path
    """The city's key, which turns employees' numbers into pseudonyms. Only its owner may read it."""
    zone: Annotated[str, Meta(description='"Asia/Jakarta", "Asia/Makassar" or "Asia/Jayapura"')]
    """Readers know only local time; this is whose."""
    book: Path = Path("attendance.sqlite")
    """Where it is remembered what readers have told."""
    listen: Listen | None = None

    def __post_init__(self) -> None:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(self.zone)
        except (ValueError, OSError, LookupError):
            instead = '"Asia/Jakarta", "Asia/Makassar" or "Asia/Jayapura"'
            raise MistakesError(
                Mistake(f"no time zone {self.zone!r}", at=("zone",), instead=instead)
            ) from None


class Pull(Section, frozen=True, kw_only=True):
    """How the whole log of a reader is read, beside what it uploads or instead of it."""

    host: Annotated[str, Meta(min_length=1)]
    port: Port = 4370
    transport: Literal["tcp", "udp"] = "tcp"
    comm_key: Annotated[int, Meta(ge=0, le=999_999)] = 0
    """Its communication key; 0 is none."""
    every_s: Annotated[float, Meta(ge=0.2, le=86_400)] = 21_600.0
    """Six hours beside uploads; 60 for a reader that cannot upload."""


class CardReader(Section, frozen=True, kw_only=True):
    """A USB reader that types a card's number and Enter, as a keyboard does."""

    name: Name
    device: Annotated[
        str, Meta(min_length=1, description='the keyboard, best as "/dev/input/by-id/…-event-kbd"')
    ]
    sample_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0
    """How often it is told how many scans it gave."""


class Reader(Section, frozen=True, kw_only=True):
    """An attendance reader. Only those named here are heard."""

    name: Name
    serial: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9-]{1,32}$", description="as its menu or its label says it")
    ]
    dialect: Literal["auto", "stamp", "attlogstamp"] = "auto"
    """How it wants its options; only old firmware that says it wrongly needs this."""
    silent_s: Annotated[float, Meta(ge=20, le=86_400)] = 180.0
    """Silent for longer, it is down."""
    sample_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0
    """How often it is told how many scans it gave and when it was last heard."""
    pull: Pull | None = None
