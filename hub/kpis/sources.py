"""Where the measures come from, beside SQL: passed in whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from hub.city.beds import PanelWords
from hub.kpis.measures import ATTENDANCE
from hub.programmes.files import Programme
from hub.rules.model import StationState


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the hub knows of now.

    Attributes:
        gateways: a mapping for each gateway with its ledger, read within a transaction.
        unheard: ids of gateways, and ``gateway/device``, that are not heard now.
        levels: the river posts' states.
        panels: what the bed panels said last.
        pipeline: the numbers of ingest.
        operators: how many share the alarms of a shift.
        attendance_s: from one number of people to the next.
        programmes: the profile's, by id.
    """

    gateways: Callable[[Connection], Sequence[Mapping[str, Any]]]
    unheard: Callable[[], Collection[str]]
    levels: Callable[[], Sequence[StationState]]
    panels: PanelWords
    pipeline: Callable[[], Mapping[str, Any]]
    operators: int
    attendance_s: int = ATTENDANCE.every_s
    programmes: Mapping[str, Programme] = field(default_factory=dict)
