"""What the hub says to gateways, on its way out: receipts gathered per stream, hellos, refusals of a version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from contract.codec import encode
from contract.messages import (
    MOST_ANSWERED,
    Command,
    DesiredConfig,
    Flow,
    HaveStream,
    Incarnation,
    Message,
    Receipt,
)
from contract.topics import Lane, topic
from hub.clock import Clock
from hub.ingest.accept import ForeignVersion, Registered
from hub.ingest.broker import Connection
from hub.ingest.events import Committed
from hub.ingest.ledger import Noted, StreamKey
from hub.ingest.receipts import Receipts, flow_receipt, hello

Publish = Callable[[str, bytes, bool], object]
"""(topic, payload, urgent)."""


class Answers:
    """Receipts of one pass of the event loop go out together at its end, panics first.

    Args:
        control, telemetry: publish on the hub's two connections. Receipts of samples go by the latter, so that
            those of a panic never stand behind them.
    """

    def __init__(
        self,
        inc: Incarnation,
        gateways: Mapping[str, Registered],
        clock: Clock,
        *,
        control: Publish,
        telemetry: Publish,
    ) -> None:
        self.inc = inc
        self.flow: Flow = "open"
        self._gateways = gateways
        self._clock = clock
        self._control = control
        self._telemetry = telemetry
        self._receipts = Receipts(inc)
        self._scheduled = False
        self._held: set[str] = set()

    def commit(
        self,
        key: StreamKey,
        ranges: tuple[tuple[int, int], ...],
        refused: tuple[tuple[int, int, str], ...] = (),
    ) -> None:
        """Samples are committed and others dead-lettered."""
        self._receipts.commit(key, ranges, refused)
        self._schedule()

    def commit_events(self, key: StreamKey, committed: Committed) -> None:
        """A panic or event frame is committed."""
        self._receipts.commit_events(key, committed)
        self._schedule()

    def note(self, noted: Noted) -> None:
        """Losses or the end of an epoch are on record."""
        self._receipts.note(noted)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send_receipts)

    def _send_receipts(self) -> None:
        self._scheduled = False
        for key, receipt in self._receipts.take(self.flow):
            if key.gateway in self._held:
                receipt = msgspec.structs.replace(receipt, flow="hold")
            by = self._telemetry if key.lane == "telemetry" else self._control
            self._say(by, key.gateway, "down/receipt", receipt, urgent=_urgent(key.lane))

    def set_flow(self, flow: Flow) -> None:
        """Tell every gateway that it may, or may not, send its backlog."""
        self.flow = flow
        for gateway in self._gateways:
            self.say_flow(gateway)

    def flow_of(self, gateway: str) -> Flow:
        """Whether this gateway may send its backlog now."""
        return "hold" if gateway in self._held else self.flow

    @property
    def held(self) -> frozenset[str]:
        """Gateways that hold for their own sake, whatever the others do."""
        return frozenset(self._held)

    def hold(self, gateway: str) -> None:
        """One gateway sends more than it may: it is to hold. Others are told nothing; nor is one that is not known."""
        if gateway in self._gateways and gateway not in self._held:
            self._held.add(gateway)
            self.say_flow(gateway)

    def release(self, gateway: str) -> None:
        """It may send again, if all may."""
        self._held.discard(gateway)
        self.say_flow(gateway)

    def say_flow(self, gateway: str) -> None:
        """Tell one gateway whether it may send its backlog now."""
        self._say(self._control, gateway, "down/receipt", flow_receipt(self.inc, self.flow_of(gateway)))

    def say_answered(self, gateway: str, events: Sequence[str]) -> None:
        """Tell a gateway which of its presses a person has acknowledged; one that is not known is told nothing."""
        if gateway not in self._gateways:
            return
        for at in range(0, len(events), MOST_ANSWERED):
            said = tuple(events[at : at + MOST_ANSWERED])
            receipt = Receipt(inc=self.inc, lane="panic", flow=self.flow_of(gateway), answered=said)
            self._say(self._control, gateway, "down/receipt", receipt, urgent=True)

    def say_command(self, gateway: str, command: Command) -> None:
        """Give a gateway a command."""
        self._say(self._control, gateway, "down/command", command, urgent=True)

    def say_wish(self, gateway: str, wish: DesiredConfig) -> None:
        """Tell a gateway which configuration is wanted."""
        self._say(self._control, gateway, "down/config", wish)

    def hello(
        self,
        gateway: str,
        have: tuple[HaveStream, ...],
        *,
        echo_ms: int | None = None,
        echo_boot: str | None = None,
    ) -> None:
        """Greet a gateway with what the hub has of it, and the hub's time as of now."""
        message = hello(
            self.inc,
            have,
            flow=self.flow_of(gateway),
            hub_ms=self._clock.now_ms(),
            echo_ms=echo_ms,
            echo_boot=echo_boot,
        )
        self._say(self._control, gateway, "down/hello", message, urgent=True)

    def refuse_version(self, foreign: ForeignVersion) -> None:
        """Tell a gateway that its version is not spoken here."""
        self._say(self._control, foreign.gateway, "down/receipt", foreign.answer)

    def _say(self, by: Publish, gateway: str, leaf: str, message: Message, *, urgent: bool = False) -> None:
        by(topic(self._gateways[gateway].cell, gateway, leaf), encode(message), urgent)


def _urgent(lane: Lane) -> bool:
    return lane == "panic"


def over(connection: Connection) -> Publish:
    """Publish on that connection."""
    return lambda topic, payload, urgent: connection.publish(topic, payload, urgent=urgent)
