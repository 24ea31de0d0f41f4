"""How values look on a page: times in the city's zone, ages, numbers with the comma of their language. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hub.console.language import Language, Words

UNKNOWN = "–"
"""Stands for a value that nobody knows. Never zero."""


def clock_time(zone: ZoneInfo, t_ms: int | None, *, seconds: bool = True) -> str:
    """The time of day: ``14:03:22``."""
    if t_ms is None:
        return UNKNOWN
    return f"{_local(zone, t_ms):{'%H:%M:%S' if seconds else '%H:%M'}}"


def moment(zone: ZoneInfo, label: str, t_ms: int | None) -> str:
    """Date and time with the zone's label: ``21-11-2026 14:03:22 WIB``."""
    if t_ms is None:
        return UNKNOWN
    return f"{_local(zone, t_ms):%d-%m-%Y %H:%M:%S} {label}"


def lately(zone: ZoneInfo, t_ms: int | None, now_ms: int) -> str:
    """The time of day, with the date before it where it was not today: ``20-11 14:03:22``."""
    if t_ms is None:
        return UNKNOWN
    then = _local(zone, t_ms)
    same_day = then.date() == _local(zone, now_ms).date()
    return f"{then:%H:%M:%S}" if same_day else f"{then:%d-%m %H:%M:%S}"


def duration(words: Words, ms: int | None) -> str:
    """A span in its two largest units: ``3 s``, ``12 min``, ``2 h 05 min``, ``3 d 4 h``. live.js writes the same."""
    if ms is None:
        return UNKNOWN
    seconds = max(0, ms) // 1000
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 60:
        return f"{seconds} {words('s')}"
    if minutes < 60:
        return f"{minutes} {words('min')}"
    if hours < 24:
        return f"{hours} {words('h')} {minutes % 60:02d} {words('min')}"
    return f"{days} {words('d')} {hours % 24} {words('h')}"


def number(language: Language, value: float | None, digits: int = 0) -> str:
    """A number with the separators of the language: ``1.234,5`` in Indonesian, ``1,234.5`` in English."""
    if value is None:
        return UNKNOWN
    text = f"{value:,.{digits}f}"
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def _local(zone: ZoneInfo, t_ms: int) -> datetime:
    return datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(zone)
