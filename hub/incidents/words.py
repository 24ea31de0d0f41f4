"""What a duty desk reads about a press: Bahasa Indonesia first, English second. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from contract.kinds import TIME_GOOD_MS
from hub.region import Region

LATE_MS = 60_000
"""A press that the hub hears of this long after it happened is labelled with its delay."""


@dataclass(frozen=True, slots=True)
class Press:
    """What the words need to know of a press and of its incident."""

    number: int
    button: str
    place: str
    call_back: str
    happened_ms: int | None
    error_ms: int
    delay_ms: int | None
    also: Sequence[str] = ()
    """Other buttons of the site pressed within a minute."""
    revived: bool = False
    """The incident was recovered from a gateway, and now the button is pressed again."""


def local_time(region: Region, t_ms: int) -> str:
    """A time in the region's zone with the zone's label: ``21-11-2026 14:03:22 WIB``."""
    moment = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(ZoneInfo(region.zone))
    return f"{moment:%d-%m-%Y %H:%M:%S} {region.zone_label}"


def delay_label(delay_ms: int | None) -> str:
    """``TERLAMBAT 02:13 / DELAYED 02:13`` (hours and minutes) for a late press; that nobody knows how late it is, of
    a press before the gateway's last start without a right clock; else empty."""
    if delay_ms is None:
        return "KETERLAMBATAN TIDAK DIKETAHUI / DELAY UNKNOWN"
    if delay_ms < LATE_MS:
        return ""
    minutes = delay_ms // 60_000
    span = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"TERLAMBAT {span} / DELAYED {span}"


def title(press: Press) -> str:
    """One line: that nobody has verified it, what was pressed, and how late we hear of it."""
    late = delay_label(press.delay_ms)
    return (
        f"BELUM DIVERIFIKASI / UNVERIFIED: {press.button}, {press.place}"
        + (f" [{late}]" if late else "")
        + (" [PRIORITAS KRITIS / CRITICAL]" if press.also else "")
    )


def text(region: Region, press: Press) -> str:
    """The whole message; it says that it is a notice and no dispatch."""
    late = delay_label(press.delay_ms)
    about = "≈ " if press.error_ms > TIME_GOOD_MS else ""
    known = press.happened_ms is not None
    when = f"{about}{local_time(region, press.happened_ms)}" if press.happened_ms is not None else ""
    others = ", ".join(press.also)
    indonesian = [
        "BELUM DIVERIFIKASI. Ini pemberitahuan, bukan perintah pengerahan.",
        f"{press.button} ditekan di {press.place}, " + (f"{when}." if known else "waktu tidak diketahui."),
        f"{late}." if late else "",
        "Insiden ini sebelumnya dipulihkan dari arsip; tombolnya kini ditekan lagi." if press.revived else "",
        f"Tombol lain di lokasi ini ditekan dalam satu menit: {others}." if others else "",
        f"Telepon balik {press.call_back} untuk memastikan." if press.call_back else "",
        f"Insiden nomor {press.number}.",
    ]
    english = [
        "UNVERIFIED. This is a notice, not a dispatch.",
        f"{press.button} pressed at {press.place}, " + (f"{when}." if known else "time unknown."),
        "The incident was recovered from a gateway's ring; its button is now pressed again."
        if press.revived
        else "",
        f"Other buttons of the site pressed within a minute: {others}." if others else "",
        f"Call back {press.call_back} to make sure." if press.call_back else "",
        f"Incident number {press.number}.",
    ]
    return " ".join(filter(None, indonesian)) + "\n\n" + " ".join(filter(None, english))
