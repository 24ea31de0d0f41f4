"""What a gateway says and hears, without a connection: birth and will, frames, receipts, hello, beats.

Pure but for the spool it is given: messages and the clock's readings come in, messages to publish come out. The same
code runs over the broker (edge/link.py) and in the deterministic world.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from contract import codec, topics
from contract.errors import ContractError
from contract.messages import (
    Beat,
    Command,
    DesiredConfig,
    Hello,
    Message,
    Receipt,
    Refusal,
    Reply,
    State,
    VersionRefusal,
)
from contract.ranges import Ranges
from contract.topics import Lane
from edge import frames
from edge.clock import Clock
from edge.errors import CardError
from edge.health import Health
from edge.spool import Spool
from edge.uplink import Uplink, Wait

log = logging.getLogger(__name__)

IDLE_MS = 5_000
"""The longest time after which the sending side looks again by itself."""

ASK_TIME_MS = 30 * 60_000
"""How old the last sync row may be, on a gateway without a disciplined clock, before the hub is asked for the time."""

REPLIES = 32
"""Replies that wait for a connection; beyond it the oldest go."""

LAMPS = 512
"""Of so many waiting presses, the newest, it is told that the hub has them: more than buttons remember."""

BEAT_LOSSES = 200
"""Most lost ranges told in one beat; the others follow when these are noted."""


class Publish(NamedTuple):
    """A message to publish with QoS 1. ``token`` is given back to ``acknowledged`` at its PUBACK."""

    topic: str
    payload: bytes
    retain: bool = False
    token: int | None = None


class Status(Protocol):
    """What the beat says of the gateway beside its account."""

    def health(self) -> Health: ...

    def devices_down(self) -> tuple[str, ...]: ...


class Identity(NamedTuple):
    """Who the gateway is, and what it runs."""

    gateway: str
    cell: int
    interval_s: float
    software: str
    config: str


class Session:
    """One gateway's conversation with the hub, over any number of connections."""

    def __init__(
        self,
        identity: Identity,
        spool: Spool,
        uplink: Uplink,
        *,
        clock: Clock,
        status: Status,
        on_received: Callable[[tuple[str, ...]], None] = lambda _: None,
        on_answered: Callable[[tuple[str, ...]], None] = lambda _: None,
        on_command: Callable[[Command], None] | None = None,
        on_config: Callable[[DesiredConfig], None] | None = None,
    ) -> None:
        """
        Args:
            on_command: takes a command, whose answer comes by `answer`; None: every command is declined.
            on_config: takes the configuration that the hub wants; None: the file's is kept.
            on_received: told the event ids of panics that the hub has committed.
            on_answered: told the event ids of panics that a person has acknowledged.
        """
        self._identity = identity
        self._spool = spool
        self._uplink = uplink
        self._clock = clock
        self._status = status
        self._on_received = on_received
        self._on_answered = on_answered
        self._on_command = on_command
        self._on_config = on_config
        self._replies: deque[Reply] = deque(maxlen=REPLIES)
        self._sent: dict[tuple[Lane, str], Ranges] = {}

    @property
    def gateway(self) -> str:
        """The gateway's id."""
        return self._identity.gateway

    @property
    def cell(self) -> int:
        """The gateway's cell."""
        return self._identity.cell

    @property
    def interval_s(self) -> float:
        """Seconds from beat to beat."""
        return self._identity.interval_s

    @property
    def panic_waits(self) -> bool:
        """Whether a panic has no receipt yet; also where the card cannot say."""
        try:
            return self._spool.pending("panic", 1, self._spool.end("panic")) is not None
        except CardError:
            return True

    def will(self, connection: str) -> Publish:
        """The last will to leave with the broker before connecting."""
        return self._publish(
            "state", State(gateway=self.gateway, online=False, connection=connection), retain=True
        )

    def connected(self, connection: str, mono_ms: int) -> list[Publish]:
        """A connection is up; what to publish first."""
        self._uplink.on_connected(mono_ms)
        birth = State(
            gateway=self.gateway,
            online=True,
            connection=connection,
            boot=self._clock.boot_id(),
            mono_ms=mono_ms,
            interval_s=self.interval_s,
            software=self._identity.software,
            config=self._identity.config,
        )
        return [self._publish("state", birth, retain=True)]

    def disconnected(self, mono_ms: int) -> None:
        """The connection is gone; nothing that was under way on it counts."""
        self._uplink.on_disconnected(mono_ms)

    def acknowledged(self, token: int, mono_ms: int) -> None:
        """The broker has a frame (PUBACK): flow control, never proof."""
        self._uplink.on_puback(token, mono_ms)

    def answer(self, reply: Reply) -> None:
        """Send a reply with what is sent next; wake the link afterwards."""
        self._replies.append(reply)

    def next(self, mono_ms: int) -> Publish | int:
        """The next frame or reply to publish, or the boot clock reading (ms) at which to look again."""
        if self._replies and self._uplink.connected and not self.panic_waits:
            return self._publish("up/reply", self._replies.popleft())
        for _ in range(4):
            step = self._uplink.next(mono_ms)
            if isinstance(step, Wait):
                until = mono_ms + IDLE_MS
                return until if step.until_ms is None else min(until, step.until_ms)
            frame = frames.build(step, self._spool, gateway=self.gateway, mono_ms=mono_ms)
            if frame is not None:
                if not step.live:
                    self._sent.setdefault((frame.lane, frame.epoch), Ranges()).add(frame.first, frame.last)
                token = self._uplink.on_sent(step, frame.last_row, len(frame.payload), mono_ms)
                return Publish(self._topic(f"up/{frame.lane}"), frame.payload, token=token)
        return mono_ms + 50

    def beat(self, mono_ms: int) -> Publish:
        """The heartbeat: the gateway's account of every lane, and its health."""
        self._disciplined(mono_ms)
        now = self._spool.timeline.at(mono_ms)
        health = self._status.health()
        usage = self._spool.usage(mono_ms)
        beat = Beat(
            gateway=self.gateway,
            boot=self._clock.boot_id(),
            mono_ms=mono_ms,
            interval_s=self.interval_s,
            lanes=self._spool.accounts(mono_ms),
            lost=self._spool.losses()[:BEAT_LOSSES],
            closed=self._spool.closed()[:64],
            time_ms=now.t_ms if now else None,
            time_error_ms=now.error_ms if now else None,
            clock=self._clock_state(),
            ask_time=self._wants_time(mono_ms) or self._uplink.wants_hello,
            spool_bytes=usage.spool_bytes,
            ring_h=usage.ring_h,
            disk_free_bytes=health.disk_free_bytes,
            cpu_c=health.cpu_c,
            under_voltage=health.under_voltage,
            software=self._identity.software,
            config=self._identity.config,
            undecodable=self._uplink.undecodable,
            devices_down=self._status.devices_down(),
        )
        return self._publish("up/beat", beat)

    def received(self, topic: str, payload: bytes, mono_ms: int) -> list[Publish]:
        """Take a message from the hub; what to publish in answer. A message that is none is logged and left."""
        try:
            parsed = topics.parse(topic)
            if (parsed.cell, parsed.gateway) != (self.cell, self.gateway):
                raise ContractError("topic", f"{topic!r} is not ours")
            return self._take(parsed.leaf, payload, mono_ms)
        except ContractError as error:
            log.warning("session.message_ignored topic=%s reason=%s", topic, error)
            return []

    def _take(self, leaf: str, payload: bytes, mono_ms: int) -> list[Publish]:
        if leaf == "down/hello":
            self._hello(codec.decode(Hello, payload), mono_ms)
        elif leaf == "down/receipt":
            answer = codec.decode_receipt(payload)
            if isinstance(answer, VersionRefusal):
                self._refused_version(answer, mono_ms)
            else:
                self._receipt(answer, mono_ms)
        elif leaf == "down/command":
            return self._command(codec.decode(Command, payload))
        elif leaf == "down/config":
            return self._config(codec.decode(DesiredConfig, payload))
        return []

    def _command(self, command: Command) -> list[Publish]:
        if self._on_command is None:
            return [self._decline(command)]
        self._on_command(command)
        return []

    def _config(self, desired: DesiredConfig) -> list[Publish]:
        if self._on_config is None or desired.hash == self._identity.config:
            return [self._keep_config(desired)]
        self._on_config(desired)
        return []

    def _decline(self, command: Command) -> Publish:
        """Answer that the command is not known here, so that nobody waits for it."""
        log.warning("session.command_unknown name=%s actor=%s", command.name, command.actor)
        error = f"perintah tidak dikenal / unknown command: {command.name}"
        reply = Reply(gateway=self.gateway, nonce=command.nonce, ok=False, error=error)
        return self._publish("up/reply", reply)

    def _keep_config(self, desired: DesiredConfig) -> Publish:
        """Answer with the configuration in force: this gateway takes its configuration from its file."""
        same = desired.hash == self._identity.config
        error = "" if same else "konfigurasi dari berkas / configured by its file"
        return self._publish(
            "up/reply",
            Reply(
                gateway=self.gateway,
                ok=same,
                error=error,
                config_version=desired.config_version,
                config_hash=self._identity.config,
            ),
        )

    def _hello(self, hello: Hello, mono_ms: int) -> None:
        self._disciplined(mono_ms)
        if not self._uplink.on_hello(hello, mono_ms):
            log.info("session.hello_ignored inc=%s reason=older_life_of_the_hub", hello.inc)
            return
        if self._clock.discipline().synced or hello.echo_ms is None:
            return
        if hello.echo_boot != self._clock.boot_id() or hello.echo_ms > mono_ms:
            return
        # The hub read its clock somewhere between our question and now.
        round_trip = mono_ms - hello.echo_ms
        self._sync(mono_ms, hello.hub_ms + round_trip // 2, (round_trip + 1) // 2 + 1, source="hub")

    def _disciplined(self, mono_ms: int) -> None:
        discipline = self._clock.discipline()
        if discipline.synced:
            self._sync(mono_ms, self._clock.now_ms(), discipline.error_ms, source="ntp")

    def _sync(self, mono_ms: int, wall_ms: int, error_ms: int, *, source: str) -> None:
        if self._spool.timeline.wants(mono_ms, wall_ms, error_ms):
            row = self._spool.append_sync(mono_ms, wall_ms, error_ms, "ntp" if source == "ntp" else "hub")
            log.info("session.sync source=%s error_ms=%d", row.source, row.error_ms)

    def _receipt(self, receipt: Receipt, mono_ms: int) -> None:
        receipt = self._of_what_was_sent(receipt)
        ours = receipt.inc == self._spool.inc
        proved = self._panics_in(receipt) if ours else ()
        self._uplink.on_receipt(receipt, mono_ms)
        if proved:
            self._on_received(proved)
        if ours and receipt.answered:
            self._on_answered(receipt.answered)

    def _of_what_was_sent(self, receipt: Receipt) -> Receipt:
        """The receipt without what this session never sent.

        A card that was put back from an older copy gives numbers a second time. A late receipt for the first
        bearer of a number must not settle the second one, which the hub has never seen. What was sent before the
        gateway started is sent again, and then has its receipt.
        """
        sent = self._sent.get((receipt.lane, receipt.epoch), Ranges())
        return msgspec.structs.replace(
            receipt,
            ranges=tuple(part for pair in receipt.ranges for part in sent.overlap(*pair)),
            refused=tuple(
                Refusal(first, last, refusal.reason)
                for refusal in receipt.refused
                for first, last in sent.overlap(refusal.first, refusal.last)
            ),
        )

    def _panics_in(self, receipt: Receipt) -> tuple[str, ...]:
        """Event ids of the waiting panics that the receipt proves committed."""
        if receipt.lane != "panic" or not receipt.ranges:
            return ()
        ranges = Ranges(receipt.ranges)
        found = []
        for panic in self._spool.overdue_panics(self._clock.mono_ms(), after_ms=0, most=LAMPS):
            if panic.epoch == receipt.epoch and panic.seq in ranges:
                with contextlib.suppress(ContractError):
                    found.append(codec.decode_body(panic.body).id)
        return tuple(found)

    def _refused_version(self, refusal: VersionRefusal, mono_ms: int) -> None:
        if refusal.refused_version != str(topics.PROTOCOL):
            # Of a message that was never ours: whoever said it must not silence us.
            log.warning("session.refusal_ignored refused=%s", refusal.refused_version)
            return
        log.error(
            "session.version_refused ours=%s hub_speaks=%s hint=%s",
            refusal.refused_version,
            refusal.spoken,
            refusal.hint,
        )
        self._uplink.on_version_refusal(refusal, mono_ms)

    def _wants_time(self, mono_ms: int) -> bool:
        last = self._spool.timeline.last
        if last is None:
            return True
        return not self._clock.discipline().synced and mono_ms - last.mono_ms > ASK_TIME_MS

    def _clock_state(self) -> str:
        if self._clock.discipline().synced:
            return "ntp"
        last = self._spool.timeline.last
        return last.source if last else "none"

    def _topic(self, leaf: str) -> str:
        return topics.topic(self.cell, self.gateway, leaf)

    def _publish(self, leaf: str, message: Message, *, retain: bool = False) -> Publish:
        return Publish(self._topic(leaf), codec.encode(message), retain=retain)
