"""What the rehearsal's offices report of their programmes: invented, and never the same of two programmes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from random import Random
from zoneinfo import ZoneInfo

from hub.programmes.files import Programme
from hub.programmes.files import read as read_programmes
from hub.programmes.store import Value, today
from simulator.rehearsal import Rehearsal

REPORTS = 4
EACH_D = 30


def reports(known: Mapping[str, Programme], day: dt.date) -> Iterator[Value]:
    """The last reports of every programme: nearer to its target each time, and not all reach it. Pure."""
    for one in known.values():
        random = Random(one.id)
        share = random.uniform(0.80, 0.96)
        for back in reversed(range(REPORTS)):
            share += random.uniform(0.0, 0.04)
            value = one.target * share if one.better == "higher" else one.target / share
            yield Value(one.id, day - dt.timedelta(days=back * EACH_D), round(value, 1))


async def report(city: Rehearsal, now_ms: int) -> None:
    """Let who may keep them report them by the API.

    Raises:
        httpx.HTTPError: the hub does not answer, or refuses.
    """
    known = read_programmes(city.choice.profile)
    if not known:
        return
    await city.log_in("pengendali")
    for one in reports(known, today(ZoneInfo(city.region.zone), now_ms)):
        body = {"date": one.date.isoformat(), "value": one.value}
        (await city.api.post(f"/api/programmes/{one.programme}/values", json=body)).raise_for_status()
