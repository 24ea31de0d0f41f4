"""What a ZKTeco reader and its server say to each other by PUSH (ADMS): the server's texts. Pure.

A reader asks for its options once, at its own start, and then uploads and asks for commands. Two dialects of the
options are in use; firmware that names its PUSH version speaks the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

Dialect = Literal["stamp", "attlogstamp"]

FIRST_STAMP: Mapping[Dialect, str] = {"stamp": "0", "attlogstamp": "None"}
"""What asks for everything that the reader has. Never 9999, which some servers send and which skips history."""

_OPTIONS: Mapping[Dialect, tuple[str, ...]] = {
    "stamp": ("Stamp={attlog}", "OpStamp={operlog}"),
    "attlogstamp": ("ATTLOGStamp={attlog}", "OPERLOGStamp={operlog}", "ATTPHOTOStamp=None"),
}
# Only scans are asked for: no photos, no templates, no names.
_FLAGS: Mapping[Dialect, str] = {"stamp": "TransFlag=1000000000", "attlogstamp": "TransFlag=TransData AttLog"}

ERROR_DELAY_S = 30
"""After how long a reader tries again what was not taken."""

POLL_S = 10
"""How often a reader asks for commands, which is how we know that it lives."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a reader says of a command; 0 is success."""

    id: str
    code: str
    command: str


def dialect_of(query: Mapping[str, str]) -> Dialect:
    """The dialect of a reader, from how it asks for its options."""
    version = query.get("pushver", "")
    return "attlogstamp" if version[:1].isdigit() and int(version[0]) >= 2 else "stamp"


def options(serial: str, dialect: Dialect, stamps: Mapping[str, str | None], time_zone: int) -> str:
    """The answer to a reader that asks for its options.

    Args:
        stamps: how far ATTLOG and OPERLOG have been told; None asks for everything.
        time_zone: see time_zone.
    """
    first = FIRST_STAMP[dialect]
    told = {name.lower(): stamps.get(name) or first for name in ("ATTLOG", "OPERLOG")}
    lines = [
        f"GET OPTION FROM: {serial}",
        *(line.format(**told) for line in _OPTIONS[dialect]),
        f"ErrorDelay={ERROR_DELAY_S}",
        f"Delay={POLL_S}",
        "TransTimes=00:00;14:05",
        "TransInterval=1",
        _FLAGS[dialect],
        f"TimeZone={time_zone}",
        "Realtime=1",
        "Encrypt=None",
    ]
    return "".join(f"{line}\r\n" for line in lines)


def time_zone(zone: ZoneInfo, at: datetime) -> int:
    """The site's zone as readers want it: hours up to 12, otherwise minutes. 5.5 would be read as 5."""
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    minutes = round(offset.total_seconds() / 60)
    return minutes // 60 if minutes % 60 == 0 and abs(minutes) <= 12 * 60 else minutes


def endpoint(path: str) -> str:
    """``/iclock/cdata.aspx`` as ``cdata``; "" for what is no path of the protocol."""
    parts = path.lower().removesuffix(".aspx").strip("/").split("/")
    return parts[1] if len(parts) == 2 and parts[0] == "iclock" else ""


def command(number: int, text: str) -> str:
    """A command, as the answer to a reader that asks for one."""
    return f"C:{number}:{text}\r\n"


def results(text: str) -> list[Result]:
    """What a reader says of commands: a line each, ``ID=1&Return=0&CMD=LOG``."""
    found = []
    for line in text.split("\n"):
        cells = dict(cell.partition("=")[::2] for cell in line.strip("\r\0 ").split("&"))
        if "ID" in cells and "Return" in cells:
            found.append(Result(cells["ID"][:16], cells["Return"][:16], cells.get("CMD", "")[:32]))
    return found
