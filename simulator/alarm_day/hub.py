"""The hub of the day: production commit, rules, liveness and register of alarms, on a database in memory."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from contract.topics import Lane
from hub.alarms import service as alarms
from hub.alarms import times, verdicts
from hub.alarms.conditions import cause
from hub.alarms.machine import announces
from hub.alarms.tables import alarm_history
from hub.fleet import gateways as fleet
from hub.fleet.liveness import Liveness
from hub.incidents.service import Incidents
from hub.incidents.tables import presses
from hub.ingest.commit import commit_events
from hub.ingest.events import AcceptedEvent, AcceptedEvents
from hub.region import Region, Station
from hub.rules.book import EMPTY, Book
from hub.rules.engine import Engine
from hub.rules.model import LIVE_AGE_MS, Sample
from hub.rules.running import Running
from hub.rules.verdict import Verdict

EPOCH = "0123456789abcdef"


class Hub:
    """What arrives, and what the hub makes of it. Times are hub time in ms.

    Args:
        rules: those of the profile, beside the levels of its rivers.
    """

    def __init__(self, conn: Connection, region: Region, rules: Book = EMPTY) -> None:
        self.conn = conn
        self.region = region
        self._known = fleet.registry(region)
        self._liveness = Liveness((one.id, round(one.beat_s * 1000)) for one in region.gateways.values())
        self._engine = Engine(region.stations.values())
        self._rules = Running(region)
        self._rules.adopt(self._rules.prepare(rules, region), now_ms=0)
        self._began_ms = 0
        self._incidents = Incidents(region)
        self._seq: dict[tuple[str, str], int] = defaultdict(int)

    def start(self, now_ms: int) -> None:
        """Every gateway is there."""
        self._began_ms = now_ms
        self._liveness.hub_up(now_ms)
        for gateway, known in self._known.items():
            self._liveness.born(gateway, f"{gateway}-1", round(known.interval_s * 1000), now_ms)

    def beat(self, gateway: str, now_ms: int) -> None:
        """A heartbeat came."""
        if self._liveness.beat(gateway, round(self._known[gateway].interval_s * 1000), now_ms):
            fleet.speak_again(self.conn, self._known[gateway], now_ms=now_ms)

    def will(self, gateway: str) -> None:
        """The broker tells that its connection broke."""
        self._liveness.will(gateway, f"{gateway}-1")

    def judge_silence(self, now_ms: int) -> None:
        """Who has fallen silent is put on record."""
        for silent in self._liveness.judge(now_ms):
            last_ms = silent.last_mono_ms
            fleet.fall_silent(
                self.conn, self._known[silent.gateway], since_ms=last_ms, reason=silent.reason, now_ms=now_ms
            )

    def event(
        self,
        gateway: str,
        device: str,
        kind: str,
        *,
        t_ms: int,
        now_ms: int,
        data: Mapping[str, str] | None = None,
    ) -> None:
        """A record of the panic or event lane; what happened long ago comes as backfill."""
        lane: Lane = "panic" if kind == "panic_press" else "event"
        self._seq[gateway, lane] += 1
        seq = self._seq[gateway, lane]
        event_id = f"{seq:08x}{sum(gateway.encode()):08x}{seq * 7919:016x}"
        raw = json.dumps({"id": event_id, "kind": kind, "device": device, "data": dict(data or {})}).encode()
        record = AcceptedEvent(
            seq, event_id, kind, device, dict(data or {}), t_ms, 5, now_ms - t_ms, malformed=False, raw=raw
        )
        board = self.region.gateways[gateway]
        frame = AcceptedEvents(
            gateway=gateway,
            cell=board.cell,
            site=board.site,
            epoch=EPOCH,
            lane=lane,
            boot="boot",
            first=seq,
            last=seq,
            again=False,
            received_ms=now_ms,
            sent_ms=now_ms,
            records=(record,),
            refused=(),
        )
        commit_events(self.conn, frame, now_ms=now_ms, consequences=self._incidents)
        if now_ms - t_ms <= LIVE_AGE_MS:
            self._decide(self._rules.happened(gateway, device, kind, event_id, t_ms), now_ms)

    def level(self, station: Station, level_m: float, *, t_ms: int, now_ms: int) -> None:
        """A sample of a river post."""
        self._seq[station.gateway, "telemetry"] += 1
        sample = Sample(
            (station.gateway, EPOCH, "telemetry"),
            self._seq[station.gateway, "telemetry"],
            station.gateway,
            station.site,
            station.device,
            station.kind,
            {station.quantity: level_m},
            {},
            t_ms,
            now_ms - t_ms,
        )
        for change in self._engine.judge(sample, now_ms):
            alarms.apply(self.conn, change, now_ms, region=self.region)
        self._decide(self._rules.judge(sample, now_ms), now_ms)

    def _decide(self, found: Iterable[Verdict], now_ms: int) -> None:
        for verdict in found:
            verdicts.apply(self.conn, verdict, now_ms, region=self.region)

    def pass_time(self, now_ms: int) -> None:
        """Rules that wait for a time are woken, shelves end, suppressed children are released."""
        self._decide(self._rules.tick(now_ms, self._began_ms), now_ms)
        if times.due(self.conn, now_ms):
            times.pass_time(self.conn, now_ms)

    # What came of it

    def mark(self) -> int:
        """Where the history of alarms is now."""
        return int(self.conn.execute(select(func.coalesce(func.max(alarm_history.c.id), 0))).scalar_one())

    def rang_since(self, mark: int) -> list[Mapping[str, Any]]:
        """What rang after that place in the history, presses left out."""
        found = alarms.happened(self.conn, since_ms=0, limit=200)
        return [
            line
            for line in found
            if line["id"] > mark
            and announces(line["step"], line["to_state"])
            and cause(line["condition"]) != "panic"
        ]

    def pressed(self) -> int:
        """How many presses are in an incident."""
        return int(self.conn.execute(select(func.count()).select_from(presses)).scalar_one())

    def suppressed(self) -> int:
        """How many times an alarm was suppressed."""
        found = select(func.count()).where(
            alarm_history.c.step == "suppress", alarm_history.c.from_state != "suppressed"
        )
        return int(self.conn.execute(found).scalar_one())

    def present(self) -> set[tuple[str, str, str]]:
        """Gateway, device and condition of every alarm whose condition is there, withheld or not."""
        rows: Iterable[Mapping[str, Any]] = (*alarms.active(self.conn), *alarms.withheld(self.conn))
        there = ("unannounced", "unacknowledged", "acknowledged")
        return {(row["gateway"], row["device"], row["condition"]) for row in rows if row["beneath"] in there}
