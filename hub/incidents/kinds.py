"""What incidents are about. Routes, checklists and pages go by these kinds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Kind = Literal["panic", "flood", "fire", "medical", "crime", "accident", "rescue", "disaster", "other"]

KINDS: Mapping[Kind, tuple[str, str]] = MappingProxyType(
    {
        "panic": ("Tombol darurat", "Panic button"),
        "flood": ("Banjir", "Flood"),
        "fire": ("Kebakaran", "Fire"),
        "medical": ("Gawat darurat medis", "Medical emergency"),
        "crime": ("Kriminalitas", "Crime"),
        "accident": ("Kecelakaan", "Accident"),
        "rescue": ("Penyelamatan", "Rescue"),
        "disaster": ("Bencana lain", "Other disaster"),
        "other": ("Lainnya", "Other"),
    }
)
"""Every kind with its names, Bahasa Indonesia first."""

assert set(KINDS) == set(get_args(Kind))

Origin = Literal["gateway", "app", "call", "radio", "walk_in", "alarm"]

ORIGINS: Mapping[Origin, tuple[str, str]] = MappingProxyType(
    {
        "gateway": ("Tombol", "Button"),
        "app": ("Aplikasi", "Application"),
        "call": ("Telepon", "Telephone call"),
        "radio": ("Radio", "Radio"),
        "walk_in": ("Datang langsung", "Walk-in"),
        "alarm": ("Alarm", "Alarm"),
    }
)
"""How the command room heard of an incident."""

BY_HAND: frozenset[Origin] = frozenset({"call", "radio", "walk_in", "alarm"})
"""What a person writes down."""
