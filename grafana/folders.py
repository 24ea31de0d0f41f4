"""Who sees what: folders, the teams that may look into them, and the order of the wall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Folder:
    """A folder of dashboards.

    Attributes:
        team: who may look into it beside editors; empty: everybody who is logged in, the wall's account too.
    """

    uid: str
    title: str
    team: str = ""


FOLDERS = (
    Folder("siaga-dinding", "Siaga: layar dinding"),
    Folder("siaga-operasi", "Siaga: operasi", "Siaga operasi"),
    Folder("siaga-pimpinan", "Siaga: pimpinan", "Siaga pimpinan"),
    Folder("siaga-teknis", "Siaga: teknis", "Siaga teknis"),
)

TEAMS = tuple(folder.team for folder in FOLDERS if folder.team)
"""Grafana knows who is in a team; people are put there by who cares for it."""

HOME = "siaga-ringkasan"
"""The dashboard that opens first."""

PLAYLIST = "Siaga: dinding"
INTERVAL = "1m"

WALL = "siaga-dinding"
"""Name of the account of the wall: a viewer, so it sees the first folder and changes nothing."""

VIEW, EDIT = 1, 2
"""Grafana's numbers of permissions."""


def permissions(folder: Folder, teams: Mapping[str, int]) -> list[dict[str, object]]:
    """Who may do what in a folder, by the numbers of the teams."""
    looks: dict[str, object] = {"teamId": teams[folder.team]} if folder.team else {"role": "Viewer"}
    return [{**looks, "permission": VIEW}, {"role": "Editor", "permission": EDIT}]
