"""What people read, in Bahasa Indonesia and English. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from watch.link import Reason
from watch.machine import Word

REASONS: Mapping[Reason, tuple[str, str]] = {
    "certificate": ("sertifikat siaga-watch tidak terbaca", "siaga-watch cannot read its certificate"),
    "broker": ("broker tidak dapat dihubungi", "the broker cannot be reached"),
    "hub": (
        "broker menjawab, hub tidak menyimpan tekanan uji",
        "the broker answers, the hub stores no press",
    ),
}


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell; ``urgent`` while the city may be unheard."""

    title: str
    text: str
    urgent: bool


def message(word: Word, city: str, since: str, reason: Reason | None) -> Message:
    """The message of a word.

    Args:
        since: when the first press had no answer, as people read it.
        reason: of the last press without an answer.
    """
    if word == "up":
        return Message(
            f"Siaga {city}: pulih / works again",
            f"Tekanan uji kembali disimpan oleh hub. Tidak dijawab sejak {since}.\n"
            f"Test presses are stored by the hub again. They had no answer since {since}.",
            urgent=False,
        )
    indonesian, english = REASONS[reason or "hub"]
    return Message(
        f"Siaga {city}: HUB TIDAK MENJAWAB / HUB DOES NOT ANSWER",
        f"Tekanan uji tidak dijawab sejak {since}: {indonesian}. Tekanan tombol darurat mungkin tidak sampai ke pusat "
        f"kendali. Hubungi pusat kendali sekarang.\n"
        f"Test presses have no answer since {since}: {english}. Presses of panic buttons may not reach the command "
        f"room. Call the room now.",
        urgent=True,
    )


def clock(at: datetime, zone: ZoneInfo, label: str) -> str:
    """A time in the city's zone, with the zone's label."""
    return f"{at.astimezone(zone):%d-%m-%Y %H:%M:%S} {label}"


def trial(city: str) -> Message:
    """What ``siaga-watch test`` sends."""
    return Message(
        f"Siaga {city}: uji pesan / test message",
        "Ini uji coba saluran siaga-watch. Tidak ada gangguan.\n"
        "This tests the channel of siaga-watch. Nothing is wrong.",
        urgent=False,
    )
