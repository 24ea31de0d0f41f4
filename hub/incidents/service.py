"""Incidents in SQL: made by presses, moved on by people. Every function is part of the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from hub.ingest.events import StoredEvent
from hub.region import Region


class Incidents:
    """What events cause: the ``Consequences`` of the hub's commit.

    Args:
        ids: accepted for callers that number things; incident ids follow from the event that opens them, so that the
            same press can never open two.
    """

    def __init__(self, region: Region, ids: Callable[[], str] | None = None) -> None:
        self._region = region

    def panic(self, conn: Connection, event: StoredEvent) -> None:
        """A press: it joins the open incident of its button or opens an unverified one, with alarm and notice."""

    def event(self, conn: Connection, event: StoredEvent) -> None:
        """An event of the event lane: technical alarms of buttons and gateways; all else is only stored."""
