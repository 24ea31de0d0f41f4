"""Scans of attendance readers: from a reader's words to events that name nobody. Pure, but for reading the key's file.

An employee's number becomes a pseudonym here, by HMAC with the city's key, before anything reaches the spool. Without
the key nobody can go back, not even by trying all numbers; with the same key every gateway of the city gives the same
pseudonym.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import stat
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from contract import strict_toml
from contract.codec import encode_body
from contract.messages import EventBody
from contract.strict_toml import TomlError
from edge.errors import KeyFileError

PSEUDONYM_BYTES = 12
"""96 bits: two of a million employees share a pseudonym with a chance of 1 in 10^17."""

NUMBER_MAX = 32
"""Most characters of an employee's number; readers have room for 24."""

_PURPOSE = b"siaga attendance 1\0"
_TIME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})[ T](\d{1,2}):(\d{1,2}):(\d{1,2})")


@dataclass(frozen=True, slots=True)
class Punch:
    """One scan as a reader tells it. It stays on the gateway, and its number is in no text made of it.

    Attributes:
        number: the employee's number.
        local: the reader's own time, without zone.
        code: what the employee chose (0 in, 1 out, 2 and 3 break, 4 and 5 overtime), as the reader says it. People
            choose wrongly; first and last scan of a day say more.
        verify: how the reader knew him (1 finger, 15 face, …; differs by firmware), as it says it. None: not said.
    """

    number: str = field(repr=False)
    local: datetime
    code: int
    verify: int | None = None


@dataclass(frozen=True, slots=True)
class Attlog:
    """What stood in the body of an ATTLOG upload.

    Attributes:
        punches: in the order of the body.
        unreadable: lines that are no scan.
    """

    punches: tuple[Punch, ...]
    unreadable: int

    @property
    def lines(self) -> int:
        """Lines of the body that said anything."""
        return len(self.punches) + self.unreadable


def read_attlog(body: bytes) -> Attlog:
    """The scans of an upload: a line each, ``number TAB time TAB code TAB verify …`` or ``PIN=… TAB DateTime=…``."""
    punches: list[Punch] = []
    unreadable = 0
    for line in text_of(body).split("\n"):
        if not line.strip("\r \t\0"):
            continue
        punch = _punch(line.strip("\r\0"))
        if punch is None:
            unreadable += 1
        else:
            punches.append(punch)
    return Attlog(tuple(punches), unreadable)


def text_of(body: bytes) -> str:
    """What a reader wrote: UTF-8, or else Latin-1, which reads anything."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _punch(line: str) -> Punch | None:
    cells = line.split("\t")
    if "=" in cells[0]:
        named = {key.strip().lower(): value for key, _, value in (cell.partition("=") for cell in cells)}
        cells = [named.get(key, "") for key in ("pin", "datetime", "status", "verify")]
    if len(cells) < 2:
        return None
    number, at = cells[0].strip(), _TIME.fullmatch(cells[1].strip())
    if at is None or not 0 < len(number) <= NUMBER_MAX or not number.isprintable():
        return None
    code, verify = _code(cells, 2), _code(cells, 3)
    if code is None or verify is None:
        return None
    try:
        local = datetime(*map(int, at.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None
    return Punch(number, local, max(code, 0), None if verify < 0 else verify)


def _code(cells: list[str], at: int) -> int | None:
    """A small number of a line; -1 where the line ends before it, None where it is something else."""
    cell = cells[at].strip() if at < len(cells) else ""
    if not cell:
        return -1
    return int(cell) if len(cell) <= 6 and cell.isascii() and cell.isdigit() else None


class KeyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The city's key as its file has it."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,15}$", description='for example "2026a"')]
    """Travels with each pseudonym, so that the roster knows which key made it."""
    key: Annotated[
        str, Meta(pattern=r"^[0-9a-f]{64}$", description="64 hex digits, from openssl rand -hex 32")
    ]


@dataclass(frozen=True, slots=True)
class CityKey:
    """The key that makes pseudonyms."""

    id: str
    secret: bytes = field(repr=False)

    def pseudonym(self, number: str) -> str:
        """What stands for an employee's number from here on: the same for the same number and key."""
        digest = hmac.digest(self.secret, _PURPOSE + number.encode(), "sha256")
        return digest[:PSEUDONYM_BYTES].hex()


def load_key(path: Path) -> CityKey:
    """Read the key's file.

    Raises:
        KeyFileError: it is not there, is not a key, or others than its owner may read it.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise KeyFileError(
            "key_file", f"{path}: {error.strerror}", "ask the personnel agency for the city's key"
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise KeyFileError("key_file", f"others may read {path}", f"chmod 600 {path}")
    try:
        file = strict_toml.load(path, KeyFile)
    except TomlError as error:
        # The line itself may hold the key: only its number is told.
        lines = ", ".join(map(str, error.lines))
        raise KeyFileError(
            "key_file", f"{path} is not a key: line {lines}", 'id = "2026a" and key = "64 hex digits"'
        ) from None
    return CityKey(file.id, bytes.fromhex(file.key))


@dataclass(frozen=True, slots=True)
class Scan:
    """A punch that names nobody, as it goes into the spool.

    Attributes:
        event_id: the same for the same scan, whichever way and however often the reader tells it.
        body: the event, byte by byte the same each time.
        day: ordinal of the day in the reader's own time.
        source: what makes the punch this one, with the number in it; for the gateway's own memory, as a digest.
    """

    event_id: str
    body: bytes
    day: int
    source: bytes = field(repr=False)


def scan(key: CityKey, zone: ZoneInfo, *, device: str, serial: str, punch: Punch) -> Scan:
    """A punch under its pseudonym.

    Args:
        zone: of the site. A reader knows only its local time.
        device: name of the reader, as in the configuration.
    """
    who = key.pseudonym(punch.number)
    local = punch.local.isoformat(sep=" ")
    event_id = hashlib.sha256(f"{serial}\0{who}\0{local}\0{punch.code}".encode()).hexdigest()[:32]
    data: dict[str, str | int | float | bool | None] = {
        "who": who,
        "key": key.id,
        "at_ms": int(punch.local.replace(tzinfo=zone).timestamp() * 1000),
        "code": punch.code,
    }
    if punch.verify is not None:
        data["verify"] = punch.verify
    body = encode_body(EventBody(id=event_id, kind="attendance_scan", device=device, data=data))
    source = f"{serial}\0{punch.number}\0{local}\0{punch.code}".encode()
    return Scan(event_id, body, punch.local.toordinal(), source)
