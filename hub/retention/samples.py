"""How long InfluxDB keeps samples and what is made of them: its own retention policy, which drops whole days at once.

What is there names nobody: attendance readers tell numbers of scans, no person.
"""

from __future__ import annotations

import re

from hub.series.errors import SeriesError
from hub.series.influx import Influx

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PART = re.compile(r"(\d+)(h|m|s)")
_SECONDS = {"h": 3600, "m": 60, "s": 1}


class PolicyError(SeriesError):
    """The policy cannot be set from here."""


async def keep(influx: Influx, days: int) -> bool:
    """See that the database's default policy keeps samples for so many days, 0 for ever; whether it was changed.

    Raises:
        PolicyError: the server says no policy that could be changed.
        SeriesError: it does not answer, or the hub's user may not.
    """
    database = influx.config.database
    policies = await influx.query(f'SHOW RETENTION POLICIES ON "{database}"')
    (policy,) = [one for one in policies if one.get("default")] or [{}]
    name = str(policy.get("name", ""))
    if not _NAME.fullmatch(name):
        raise PolicyError(
            f"{database} has no default retention policy", "set how long samples are kept by hand"
        )
    if seconds(str(policy.get("duration", ""))) == days * 86_400:
        return False
    duration = f"{days}d" if days else "INF"
    await influx.query(f'ALTER RETENTION POLICY "{name}" ON "{database}" DURATION {duration}')
    return True


def seconds(duration: str) -> int:
    """A duration as InfluxDB writes it (``17520h0m0s``); 0 is for ever."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(duration))
