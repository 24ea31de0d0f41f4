"""All that a city wants of its Grafana, whether it is pushed or written as files."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana import build
from grafana import city as cities
from grafana.sources import Reader, data_sources


@dataclass(frozen=True)
class Wanted:
    """All that a city wants of its Grafana.

    Attributes:
        dashboards: by uid, each with the uid of its folder.
        contact_points: empty: no alert rules either, for nobody would hear them.
        playlist: uids of dashboards, in the order in which the wall shows them.
        wall_token_file: None: the wall gets no account.
    """

    city: str
    zone: str
    ground: str
    sources: Sequence[Mapping[str, Any]]
    dashboards: Mapping[str, tuple[str, Mapping[str, Any]]]
    playlist: Sequence[str]
    contact_points: Sequence[Mapping[str, Any]] = ()
    wall_token_file: Path | None = None


def of(
    profile: Path,
    reader: Reader,
    *,
    sealed_with: str = "",
    contact_points: Sequence[Mapping[str, Any]] = (),
    wall_token_file: Path | None = None,
) -> Wanted:
    """What the city of a profile wants now.

    Raises:
        contract.strict_toml.TomlError, grafana.theme.PictureError: the profile cannot be used.
    """
    city = cities.read(profile, round(time.time() * 1000))
    dashboards = build.dashboards(city)
    return Wanted(
        city=city.region.name,
        zone=city.region.zone,
        ground=city.theme.file.ground,
        sources=data_sources(reader, sealed_with=sealed_with),
        dashboards={one.uid: (one.folder, dashboards[one.uid]) for one in build.SUBJECTS},
        playlist=[one.uid for one in build.SUBJECTS if one.folder == build.WALL_FOLDER],
        contact_points=contact_points,
        wall_token_file=wall_token_file,
    )
