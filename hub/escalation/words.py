"""What a contact reads who is asked: Bahasa Indonesia first, English second. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row

from hub.escalation.machine import Ladder, Level

_HEADS: Mapping[Ladder, tuple[str, str, str]] = MappingProxyType(
    {
        "acknowledge": (
            "BELUM DIAKUI / UNACKNOWLEDGED",
            "Belum ada operator yang melihat insiden ini.",
            "No operator has seen this incident.",
        ),
        "decide": (
            "BELUM DIPUTUSKAN / UNDECIDED",
            "Insiden ini sudah dilihat, tetapi belum diputuskan dan belum ditugaskan.",
            "This incident was seen, but nobody has decided on it or assigned it.",
        ),
        "agency": (
            "BELUM DIJAWAB / UNANSWERED",
            "Dinas Anda ditugaskan dan belum menjawab.",
            "Your agency was assigned and has not answered.",
        ),
    }
)

_DISPATCH = (
    "TUGAS / DISPATCH",
    "Dinas Anda ditugaskan. Mohon jawab: diterima, menuju lokasi, di lokasi, selesai, atau tidak bisa.",
    "Your agency is assigned. Please answer: received, on the way, on scene, done, or cannot.",
)


def _head(ladder: Ladder, level: Level) -> tuple[str, str, str]:
    return _DISPATCH if level == "first" else _HEADS[ladder]


def title(ladder: Ladder, level: Level, incident: Row[Any]) -> str:
    """One line: what is asked, and of what."""
    return f"{_head(ladder, level)[0]}: {incident.number}, {incident.title}, {incident.place}"


def text(ladder: Ladder, level: Level, incident: Row[Any]) -> str:
    """The whole message."""
    _, indonesian, english = _head(ladder, level)
    call_back = incident.call_back or incident.caller
    unverified = incident.state == "unverified"
    first = [
        "BELUM DIVERIFIKASI." if unverified else "",
        indonesian,
        f"Insiden nomor {incident.number}: {incident.title}, {incident.place}.",
        incident.description,
        f"Telepon {call_back}." if call_back else "",
    ]
    second = [
        "UNVERIFIED." if unverified else "",
        english,
        f"Incident number {incident.number}: {incident.title}, {incident.place}.",
        f"Telephone {call_back}." if call_back else "",
    ]
    return " ".join(filter(None, first)) + "\n\n" + " ".join(filter(None, second))
