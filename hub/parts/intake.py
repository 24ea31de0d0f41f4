"""The way in: from the broker through the three lanes to the two stores, and the words that go back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from hub.config import BrokerSection
from hub.fleet import gateways as fleet
from hub.fleet.commands import Commands
from hub.fleet.desired import Wishes
from hub.fleet.liveness import Liveness
from hub.ingest.accept import AcceptedReply
from hub.ingest.answered import Answered
from hub.ingest.answers import Answers, over
from hub.ingest.broker import Address
from hub.ingest.control import Control
from hub.ingest.flood_watch import FloodWatch
from hub.ingest.judging import Judging
from hub.ingest.pictures import Pictures
from hub.ingest.quota import Quotas
from hub.ingest.samples import Samples
from hub.ingest.second_path import SecondPath
from hub.ingest.subscriber import Subscriber
from hub.parts.ground import Ground, Tasks
from hub.rollups.marks import Marks
from hub.series.writer import SeriesWriter
from hub.told import Told


class Intake:
    """What gateways say, and what they are told.

    Args:
        revoked: gateways whose frames are refused now.
        keys: what a gateway signs texts with.

    Attributes:
        subscriber: hears the broker.
        liveness: which gateways are silent.
        commands: to gateways.
        second_path: presses that come another way.
        floods: which gateways send more than their quota.
    """

    def __init__(
        self,
        ground: Ground,
        told: Told,
        judging: Judging,
        *,
        revoked: Callable[[], Collection[str]],
        keys: Callable[[str, int], Sequence[str]],
    ) -> None:
        self._ground = ground
        db, clock, config, pipeline = ground.db, ground.clock, ground.config, ground.pipeline
        self._judging = judging
        self.liveness = Liveness((one.gateway, round(one.interval_s * 1000)) for one in ground.known.values())
        speaking = fleet.speaking(ground.region)
        quotas = Quotas(config.quotas.rates)
        self.subscriber = Subscriber(
            control_address=_address(config.broker, telemetry=False),
            telemetry_address=_address(config.broker, telemetry=True),
            db=db,
            clock=clock,
            gateways=speaking,
            revoked=revoked,
            liveness=self.liveness,
            pipeline=pipeline,
            quotas=quotas,
            random=ground.random,
        )
        self._answers = Answers(
            ground.memory.inc,
            speaking,
            clock,
            control=over(self.subscriber.control),
            telemetry=over(self.subscriber.telemetry),
        )
        self.floods = FloodWatch(quotas, self._answers, ground.known, db=db, clock=clock)
        self._answered = Answered(db, clock, ground.bus, self._answers.say_answered)
        self.commands = Commands(clock, say=self._answers.say_command)
        self._wishes = self._configurations(ground)
        self._samples = Samples(db, clock, judging, self._answers, pipeline)
        self._writer = self._write_series(ground)
        self._control = Control(
            db=db,
            clock=clock,
            gateways=ground.known,
            consequences=told,
            answers=self._answers,
            pipeline=pipeline,
            liveness=self.liveness,
            fresh=self._samples.fresh,
            told=told,
            replied=self._replied,
        )
        self.second_path = SecondPath(
            authority=Path(config.broker.ca),
            db=db,
            clock=clock,
            gateways=ground.known,
            revoked=revoked,
            consequences=told,
            stored=told.stored,
            pipeline=pipeline,
            keys=keys,
            buttons=lambda gateway: [
                one.device for one in ground.region.buttons.values() if one.gateway == gateway
            ],
        )
        self.pictures = Pictures(
            authority=Path(config.broker.ca), db=db, clock=clock, gateways=ground.known, revoked=revoked
        )
        self._control.restore(row for row in ground.memory.gateways if row.gateway in ground.known)
        self.subscriber.feed(self._control, self._samples, self._answers)

    def _configurations(self, ground: Ground) -> Wishes | None:
        if not ground.config.fleet.configurations:
            return None
        return Wishes(
            Path(ground.config.fleet.configurations),
            gateways=ground.known,
            db=ground.db,
            clock=ground.clock,
            say=self._answers.say_wish,
        )

    def _write_series(self, ground: Ground) -> SeriesWriter | None:
        if ground.influx is None:
            return None
        writer = SeriesWriter(
            ground.influx,
            ground.clock,
            self._samples.written,
            on_flow=lambda _: self.subscriber.judge_flow(),
        )
        self._samples.write_to(writer)
        return writer

    def _replied(self, accepted: AcceptedReply) -> None:
        self.commands.replied(accepted)
        if self._wishes is not None:
            self._wishes.replied(accepted)

    def tasks(self) -> Tasks:
        """What runs."""
        tasks: Tasks = {
            "broker-control": self.subscriber.control.run(),
            "broker-telemetry": self.subscriber.telemetry.run(),
            "panics": self._control.commit_panics(),
            "events": self._control.commit_events(),
            "beats": self._control.note_words(),
            "silence": self._control.watch(),
            "greeting": self.subscriber.greet(),
            "dead-letters": self.subscriber.keep_dead(),
            "samples": self.subscriber.take_samples(),
            "refusals": self._samples.keep_refused(),
            "ledger-flush": self._samples.flush(),
            "answered": self._answered.run(),
            "floods": self.floods.run(),
        }
        if self._wishes is not None:
            tasks["wishes"] = self._wishes.run()
        if self._writer is not None:
            tasks["series-writer"] = self._writer.run()
        return tasks

    async def save(self) -> None:
        """Put the ledger on record as it is known."""
        await self._samples.flush_once()

    def numbers(self) -> dict[str, Any]:
        """Queues, the broker's connections and the way to InfluxDB, for the pipeline's page."""
        queues = {
            **self.subscriber.queues(),
            "sql": self._ground.db.waiting,
            "changes": self._judging.waiting,
        }
        control, telemetry = self.subscriber.control, self.subscriber.telemetry
        return {
            **self._ground.pipeline.snapshot(queues, self._answers.flow),
            "broker": {
                "control": control.up,
                "telemetry": telemetry.up,
                "unsent": control.dropped + telemetry.dropped,
            },
            "series": None if self._writer is None else self._writing(self._writer),
        }

    def _writing(self, writer: SeriesWriter) -> dict[str, Any]:
        since_ms = writer.down_since_ms
        return {
            "waiting": writer.waiting,
            "waiting_bytes": writer.waiting_bytes,
            "written": writer.written,
            "rejected": writer.rejected,
            "down_ms": None if since_ms is None else self._ground.clock.mono_ms() - since_ms,
        }

    def mark_late(self, marks: Marks) -> None:
        """Where samples are marked whose minute has been rolled up before they came."""
        self._samples.mark_late(marks)

    def busy(self) -> bool:
        """Whether InfluxDB is away, or has more to do than it can."""
        return self._samples.flow == "hold"

    def missing(self) -> list[str]:
        """What keeps the hub from hearing gateways, empty when nothing does."""
        parts = {"broker": self.subscriber.control.up, "broker telemetry": self.subscriber.telemetry.up}
        return [name for name, there in parts.items() if not there]


def _address(broker: BrokerSection, *, telemetry: bool) -> Address:
    return Address(
        broker.host,
        broker.port,
        broker.ca,
        broker.telemetry_certificate if telemetry else broker.certificate,
        broker.telemetry_key if telemetry else broker.key,
        broker.keepalive_s,
    )
