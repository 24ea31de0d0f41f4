"""The order in which a list of incidents is worked off. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def in_order(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Open incidents as ``reads.listed`` gives them: what nobody acknowledged before the rest, recovered ones last."""
    return sorted(rows, key=lambda row: (row["state"] == "recovered", not row["unseen"]))
