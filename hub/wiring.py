"""The parts of a hub whose store is open: what is made of what, and everything that runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from contract.messages import Incarnation
from contract.readiness import Readiness
from hub import trail
from hub.advisories.reader import Advisories
from hub.alarms.times import AlarmTimes
from hub.api.app import create_app
from hub.api.auth.oidc import Oidc
from hub.api.services import Services
from hub.backup.age import BackupAge
from hub.bus import Bus
from hub.city.beds import PanelWords
from hub.city.watch import CityWatch
from hub.clock import Clock
from hub.config import BrokerSection, HubConfig, read_secret
from hub.db import Database
from hub.fleet import gateways as fleet
from hub.fleet.commands import Commands
from hub.fleet.desired import Wishes
from hub.fleet.liveness import Liveness
from hub.fleet.trust_watch import TrustWatch
from hub.incidents.service import Incidents
from hub.ingest.accept import AcceptedReply
from hub.ingest.answered import Answered
from hub.ingest.answers import Answers, over
from hub.ingest.broker import Address
from hub.ingest.control import Control
from hub.ingest.judging import Judging
from hub.ingest.pipeline import Pipeline
from hub.ingest.ruling import Ruling
from hub.ingest.samples import Samples
from hub.ingest.second_path import SecondPath
from hub.ingest.subscriber import Subscriber
from hub.notify.channels.base import Channel
from hub.notify.worker import NotifyWorker
from hub.outbound import Outbound
from hub.region import Region
from hub.retention.periods import Periods
from hub.retention.worker import Retention
from hub.rules import loader as rules
from hub.rules.model import StationState
from hub.series.errors import SeriesError
from hub.series.influx import Influx
from hub.series.shared import SharedQueries
from hub.series.writer import SeriesWriter
from hub.told import Told
from hub.web import Web

log = logging.getLogger(__name__)

LOOK_BACK_S = 3.0
"""A start does not wait longer for what InfluxDB knows of the last half hour."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the store knew at start."""

    inc: Incarnation
    setup_code: str | None
    states: list[StationState]
    gateways: Sequence[Any]


class Hub:
    """The parts of a hub whose store is open, wired."""

    def __init__(
        self,
        *,
        config: HubConfig,
        clock: Clock,
        random: Random,
        db: Database,
        region: Region,
        memory: Memory,
        channels: Mapping[str, Channel],
        influx: Influx | None,
        oidc: Oidc | None,
        outbound: Outbound,
        web: Web,
    ) -> None:
        known, speaking = fleet.registry(region), fleet.speaking(region)
        self._db = db
        self._web = web
        self._known = known
        self._clock = clock
        self._bus = Bus()
        self._readiness = Readiness()
        self._pipeline = Pipeline(clock)
        self._notify = NotifyWorker(db, channels, clock, self._bus)
        self._told = Told(self._bus, self._notify, Incidents(region))
        self._anchoring = trail.anchoring(
            config.audit, channels, db, clock, changed=lambda: self._bus.publish("alarm", "")
        )
        self._retention = Retention(
            Periods(config.retention.by_class),
            db,
            clock,
            influx=influx,
            noted=Path(config.audit.file) if config.audit.file else None,
        )
        liveness = Liveness((one.gateway, round(one.interval_s * 1000)) for one in known.values())
        self._trust = TrustWatch(
            Path(config.trust.file) if config.trust.file else None,
            own=_own_certificates(config),
            gateways=known,
            db=db,
            clock=clock,
            changed=self._told.gateway,
        )
        self._subscriber = Subscriber(
            control_address=_address(config.broker, telemetry=False),
            telemetry_address=_address(config.broker, telemetry=True),
            db=db,
            clock=clock,
            gateways=speaking,
            revoked=lambda: self._trust.revoked,
            liveness=liveness,
            pipeline=self._pipeline,
            random=random,
        )
        self._answers = Answers(
            memory.inc,
            speaking,
            clock,
            control=over(self._subscriber.control),
            telemetry=over(self._subscriber.telemetry),
        )
        self._commands = Commands(clock, say=self._answers.say_command)
        self._wishes: Wishes | None = None
        if config.fleet.configurations:
            self._wishes = Wishes(
                Path(config.fleet.configurations),
                gateways=known,
                db=db,
                clock=clock,
                say=self._answers.say_wish,
            )
        self._answered = Answered(db, clock, self._bus, self._answers.say_answered)
        self._alarm_times = AlarmTimes(db, clock, changed=self._told.alarm)
        self._rules = Ruling(
            region,
            Path(config.profile),
            db,
            clock,
            series=influx,
            listening=lambda: self._subscriber.telemetry.up,
            changed=self._told.ruled,
        )
        self._judging = Judging(
            rules.load(region, memory.states),
            region,
            db,
            clock,
            series=influx,
            changed=self._told.changed,
            rules=self._rules,
        )
        self._told.rules = self._rules
        self._advisories = Advisories(
            {"bmkg_earthquake": config.advisories.earthquakes, "bmkg_nowcast": config.advisories.nowcast},
            outbound,
            clock,
            region,
            every_s=config.advisories.every_s,
        )
        self._told.judging = self._judging
        self._samples = Samples(db, clock, self._judging, self._answers, self._pipeline)
        self._writer: SeriesWriter | None = None
        if influx is not None:
            self._writer = SeriesWriter(
                influx, clock, self._samples.written, on_flow=lambda _: self._subscriber.judge_flow()
            )
            self._samples.write_to(self._writer)
        self._control = Control(
            db=db,
            clock=clock,
            gateways=known,
            consequences=self._told,
            answers=self._answers,
            pipeline=self._pipeline,
            liveness=liveness,
            fresh=self._samples.fresh,
            told=self._told,
            replied=self._replied,
        )
        self._second_path = SecondPath(
            authority=Path(config.broker.ca),
            db=db,
            clock=clock,
            gateways=known,
            revoked=lambda: self._trust.revoked,
            consequences=self._told,
            stored=self._told.stored,
            pipeline=self._pipeline,
        )
        self._control.restore(row for row in memory.gateways if row.gateway in known)
        self._subscriber.feed(self._control, self._samples, self._answers)
        series = None if influx is None else SharedQueries(influx, clock)
        panels = PanelWords(series)
        self._watch = CityWatch(region, self._bus, clock, levels=self._judging.states, panels=panels)
        self._services = Services(
            db=db,
            clock=clock,
            region=region,
            bus=self._bus,
            notify=self._notify,
            gateways=lambda conn: fleet.overview(conn, known.values(), self._trust.revoked),
            silent=lambda: set(filter(liveness.silent, known)),
            unheard=lambda: {*filter(liveness.silent, known), *self._told.devices_down()},
            levels=self._judging.states,
            panels=panels,
            pipeline=self._numbers,
            second_path=self._second_path.take,
            commands=self._commands,
            ready=self._missing,
            series=series,
            oidc=oidc,
            advisories=self._advisories.now,
            secure_cookies=web.tls or config.api.proxy_tls,
            hooks=_hooks(config),
            operators=config.alarms.operators,
        )

        self._backup_age: BackupAge | None = None
        if config.backup.folder and config.backup.recipients:
            self._backup_age = BackupAge(
                Path(config.backup.folder), db, clock, changed=lambda: self._bus.publish("alarm", "")
            )

    def _tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """Everything that runs, by name; each until cancelled."""
        tasks: dict[str, Coroutine[Any, Any, None]] = {
            "broker-control": self._subscriber.control.run(),
            "broker-telemetry": self._subscriber.telemetry.run(),
            "panics": self._control.commit_panics(),
            "events": self._control.commit_events(),
            "beats": self._control.note_words(),
            "silence": self._control.watch(),
            "greeting": self._subscriber.greet(),
            "dead-letters": self._subscriber.keep_dead(),
            "samples": self._subscriber.take_samples(),
            "refusals": self._samples.keep_refused(),
            "ledger-flush": self._samples.flush(),
            "level-changes": self._judging.write_changes(),
            "station-states": self._judging.save_states(),
            "history": self._judging.look_over_gaps(),
            "rules": self._rules.run(),
            "advisories": self._advisories.run(),
            "notify": self._notify.run(),
            "answered": self._answered.run(),
            "alarm-times": self._alarm_times.run(),
            "watch-levels": self._watch.watch_levels(),
            "watch-beds": self._watch.watch_beds(),
            "trust": self._trust.run(),
            "audit": self._anchoring.run(),
            "retention": self._retention.run(),
            "watchdog": self._readiness.watchdog(),
        }
        if self._backup_age is not None:
            tasks["backup-age"] = self._backup_age.run()
        if self._wishes is not None:
            tasks["wishes"] = self._wishes.run()
        if self._writer is not None:
            tasks["series-writer"] = self._writer.run()
        return tasks

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
        """Work until stopped, then put on record what is known and not yet there."""
        self._trust.look()  # before the first frame
        self._subscriber.judge_flow()
        if await self._stopped_before(self._look_back(), stop):
            return
        app = create_app(self._services)
        async with asyncio.TaskGroup() as group:
            working = [group.create_task(work, name=name) for name, work in self._tasks().items()]
            web = group.create_task(self._web.run(app), name="web")
            on_ready()
            stopping = group.create_task(stop.wait(), name="stop")
            await asyncio.wait({stopping, web}, return_when=asyncio.FIRST_COMPLETED)
            self._readiness.stopping()
            stopping.cancel()
            self._web.stop()
            for task in working:
                task.cancel()
        await self._samples.flush_once()
        await self._judging.save_once()
        await self._rules.save_once()
        log.info("stopped")

    @staticmethod
    async def _stopped_before(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
        """Do the work, unless the hub is to stop before it is done; the store may be away for long."""
        task, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not task.done():
            task.cancel()
            return True
        await task
        return False

    async def _look_back(self) -> None:
        """Before the first frame: rules and rivers take up what they knew."""
        await self._rules.open()
        try:
            await asyncio.wait_for(self._judging.warm(), LOOK_BACK_S)
        except (SeriesError, TimeoutError) as error:
            log.warning("rates_not_warmed error=%s", error or "too slow")

    def _replied(self, accepted: AcceptedReply) -> None:
        self._commands.replied(accepted)
        if self._wishes is not None:
            self._wishes.replied(accepted)

    def _numbers(self) -> dict[str, Any]:
        writer = self._writer
        queues = {**self._subscriber.queues(), "sql": self._db.waiting, "changes": self._judging.waiting}
        numbers = self._pipeline.snapshot(queues, self._answers.flow)
        numbers["broker"] = {
            "control": self._subscriber.control.up,
            "telemetry": self._subscriber.telemetry.up,
            "unsent": self._subscriber.control.dropped + self._subscriber.telemetry.dropped,
        }
        numbers["rules"] = {
            "version": self._rules.book.version,
            "rules": len(self._rules.book.rules),
            "mistakes": list(self._rules.mistakes),
        }
        numbers["series"] = None
        if writer is not None:
            numbers["series"] = {
                "waiting": writer.waiting,
                "waiting_bytes": writer.waiting_bytes,
                "written": writer.written,
                "rejected": writer.rejected,
                "down_ms": None
                if writer.down_since_ms is None
                else self._clock.mono_ms() - writer.down_since_ms,
            }
        return numbers

    def _missing(self) -> list[str]:
        parts = {"broker": self._subscriber.control.up, "broker telemetry": self._subscriber.telemetry.up}
        return [name for name, there in parts.items() if not there]


def _hooks(config: HubConfig) -> dict[str, bytes]:
    """Secrets of the channels that are signed webhooks: their receivers sign with the same."""
    return {
        name: read_secret(channel.secret_file).encode()
        for name, channel in config.channels.items()
        if channel.url
    }


def _own_certificates(config: HubConfig) -> dict[str, Path]:
    """What the hub shows to others, by the name under which people are told of it."""
    files = {
        "hub": config.broker.certificate,
        "hub-telemetry": config.broker.telemetry_certificate,
        "pages": config.api.certificate,
    }
    return {name: Path(file) for name, file in files.items() if file}


def _address(broker: BrokerSection, *, telemetry: bool) -> Address:
    return Address(
        broker.host,
        broker.port,
        broker.ca,
        broker.telemetry_certificate if telemetry else broker.certificate,
        broker.telemetry_key if telemetry else broker.key,
        broker.keepalive_s,
    )
