"""Asks a running city's InfluxDB everything that the walls ask, as Grafana does."""

import json
import time
from dataclasses import dataclass, field

import httpx

from grafana import asking, build
from grafana.sources import SUFFIXES

SPAN_MS = 3 * 3_600_000
"""Short enough for raw values: a city of a minute has no hours yet."""

RISE = ("siaga-sungai", "Kecepatan naik")


def is_for_later(uid, panel):
    """What a minute of the city cannot fill: the rate of a river is unknown for its first quarter of an hour. It is
    filled in test_asking.py."""
    return (uid, panel) == RISE


@dataclass
class Answers:
    """What came of asking everything once.

    Attributes:
        refused: InfluxDB's words for each query that failed.
        empty: dashboard and panel of each query that found nothing.
        slowest_ms: of one query.
    """

    asked: int = 0
    refused: list[str] = field(default_factory=list)
    empty: list[tuple[str, str]] = field(default_factory=list)
    slowest_ms: float = 0.0


def ask(client, database, one):
    """One query over HTTP: what was refused, and the rows' values without times."""
    form = {"q": one.query, "epoch": "ms"}
    answer = client.post("/query", params={"db": database + SUFFIXES[one.tier]}, data=form)
    body = answer.json()
    refused = body.get("error") or next((r["error"] for r in body.get("results", ()) if "error" in r), "")
    values = [
        value
        for result in body.get("results", ())
        for series in result.get("series", ())
        for row in series["values"]
        for name, value in zip(series["columns"], row, strict=True)
        if name != "time" and value is not None
    ]
    return refused, values


def everything(influx, boards, *, span_ms=SPAN_MS):
    """Ask for all dashboards; ``influx`` is what demo.json says of it."""
    found, now_ms = Answers(), round(time.time() * 1000)
    login = tuple(influx["login"]) if influx["login"] else None
    with httpx.Client(base_url=influx["url"], auth=login, trust_env=False) as client:
        for uid, board in boards.items():
            for one in asking.everything(board, now_ms, span_ms=span_ms):
                began_s = time.perf_counter()
                refused, values = ask(client, influx["database"], one)
                found.slowest_ms = max(found.slowest_ms, (time.perf_counter() - began_s) * 1000)
                found.asked += 1
                if refused:
                    found.refused.append(f"{uid}, {one.panel}: {refused}: {one.query}")
                elif not values and not is_for_later(uid, one.panel):
                    found.empty.append((uid, one.panel))
    return found


def until_filled(influx, boards):
    """Ask until every query has found something, or the city has ended; what came last."""
    found = Answers()
    while True:
        try:
            found = everything(influx, boards)
        except httpx.TransportError:
            return found
        if found.refused or not found.empty:
            return found
        time.sleep(1)


def boards():
    """The dashboards of Kota Contoh as they are committed."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(build.GENERATED.glob("*.json"))}
