"""The classes of what a hub keeps, and for how long. Pure.

No law that we know of says these numbers. UU 27/2022 asks that personal data goes when its purpose is over; what a city
must keep for how long, its own retention schedule (*jadwal retensi arsip*) says. The numbers here are where to begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DAY_MS = 86_400_000

LEAST_DAYS = 30
"""No class goes sooner: gateways may bring again what they keep for three days, and a hub be away for longer."""

CLASSES: Mapping[str, int] = {
    "events": 730,
    "attendance": 400,
    "incidents": 1825,
    "commissioning": 1825,
    "audit": 3650,
    "logs": 90,
}
"""Days by class of what is in SQL, where the configuration says nothing:

events: what gateways told of doors, beds and themselves, and changes of river levels.
attendance: scans, each of a person under a pseudonym; more than a year, for what is computed from a whole year.
incidents: closed ones with their presses, timeline, notices and answers, drills, what became of alarms, and CAP
messages. commissioning: signed ones with photos and signature, but never a gateway's newest. audit: the trail. logs:
what was refused, texts that came in, and notices that belong to no incident.

The classes of InfluxDB have none: years of a river are worth more than their room, and name nobody.
"""

SERIES = ("telemetry", "minute", "long")
"""Classes that are each a database of InfluxDB: samples, their minutes, their hours and days with what happened."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Days by class; 0 is for ever, None is not for the hub to say."""

    days: Mapping[str, int | None]

    def before_ms(self, name: str, now_ms: int) -> int | None:
        """What is older than this goes; None where nothing goes."""
        days = self.days[name]
        return now_ms - days * DAY_MS if days else None
