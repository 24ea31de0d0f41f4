"""Every message between gateway and hub, as a frozen structure.

Field names in JSON are short where a message is frequent. Unknown fields are ignored when reading, so a newer
peer may say more. All times are UTC, in integer milliseconds since 1970 (``_ms``); ``mono_ms`` is the boot
clock (CLOCK_BOOTTIME) of the gateway.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from contract.topics import PROTOCOL, Lane

MAX_FRAME_BYTES = 64 * 1024
"""A frame is never larger than this; the broker refuses larger packets."""

MAX_RECORDS = 2048
"""Most records that one frame may claim."""

MAX_SETTLED_RANGES = 64
"""Most settled ranges above the floor that a beat tells per lane."""

Seq = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
TimeMs = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Epoch = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
BootId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{8,36}$")]
GatewayId = Annotated[str, msgspec.Meta(min_length=3, max_length=48)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
MOST_ANSWERED = 256
"""Panics in one receipt that a person has acknowledged."""

EventId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]
Number = int | float
Range = tuple[Seq, Seq]
"""A closed range of sequence numbers, first and last."""

Incarnation = tuple[Count, Count]
"""The life of the hub's database: generation, random. A restored backup has a higher generation."""

Flow = Literal["open", "hold"]


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all messages."""


class DeviceColumn(msgspec.Struct, frozen=True, array_like=True, cache_hash=True):
    """A device of a telemetry frame: its rows carry one value for each quantity, in this order."""

    device: Name
    kind: Name
    quantities: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=128)]


class FrameHead(Message, frozen=True, kw_only=True):
    """What every frame begins with."""

    version: int = msgspec.field(name="v")
    gateway: GatewayId = msgspec.field(name="gw")
    epoch: Epoch = msgspec.field(name="ep")
    boot: BootId
    first: Seq
    n: Annotated[int, msgspec.Meta(ge=1, le=MAX_RECORDS)]
    base_ms: TimeMs | None = msgspec.field(name="base")
    """Time that the rows' offsets count from. None: no clock yet; only a panic is sent so."""
    age_ms: Count | None = msgspec.field(name="age", default=None)
    """Age of the base when sent, by the boot clock; None when the records are of an earlier boot."""
    floor: Seq
    """Lowest seq of the stream that is neither settled nor declared lost."""
    again: bool = False
    """The records were receipted once and come again because the hub said that it lacks them."""

    @property
    def last(self) -> int:
        """Seq of the last record."""
        return self.first + self.n - 1


class TelemetryFrame(FrameHead, frozen=True, kw_only=True):
    """Consecutive telemetry records of one stream and one boot."""

    devices: tuple[DeviceColumn, ...] = msgspec.field(name="dev")
    rows: tuple[tuple[Number | None, ...], ...]
    """One a record: device alias, time offset from base in ms, then the device's values; None is no value."""
    quality: tuple[tuple[int, int, int], ...] = msgspec.field(name="q", default=())
    """(row, quantity, code) where a value is not good."""
    time_error: tuple[tuple[int, int], ...] = msgspec.field(name="err", default=())
    """(row, error in ms) where the time is not within TIME_GOOD_MS."""
    live: bool = False
    """A newest sample sent while the hub holds: judged, never receipted, sent again later."""


class EventRecord(msgspec.Struct, frozen=True, array_like=True):
    """One event of a frame: time offset from base in ms, error of the time in ms, body."""

    offset_ms: TimeMs
    error_ms: Count
    body: msgspec.Raw
    """The bytes that the spool holds, unchanged; the hub hashes them."""


class EventFrame(FrameHead, frozen=True, kw_only=True):
    """Consecutive panic or event records of one stream and one boot."""

    events: tuple[EventRecord, ...] = msgspec.field(name="ev")


class EventBody(Message, frozen=True, kw_only=True):
    """What happened: the body of a panic or event record."""

    id: EventId
    kind: Name
    device: Name
    data: dict[str, str | int | float | bool | None] = {}


class LaneAccount(Message, frozen=True, kw_only=True):
    """What a gateway's beat says of one lane. This account is authoritative."""

    epoch: Epoch = msgspec.field(name="ep")
    next: Seq
    """Next sequence number to be given: all below it were accepted."""
    floor: Seq
    settled: Annotated[tuple[Range, ...], msgspec.Meta(max_length=MAX_SETTLED_RANGES)] = ()
    """Settled ranges above the floor."""
    oldest_age_ms: Count | None = msgspec.field(name="oldest", default=None)
    """Age of the oldest unsettled record; None when all is settled."""


class Loss(msgspec.Struct, frozen=True, array_like=True):
    """A range of records that the gateway had accepted and declares lost."""

    lane: Lane
    epoch: Epoch
    first: Seq
    last: Seq
    from_ms: TimeMs | None
    to_ms: TimeMs | None
    reason: Name


class ClosedEpoch(msgspec.Struct, frozen=True, array_like=True):
    """An epoch that the gateway has left: nothing at or above ``next`` was ever accepted in it.

    ``moved`` are the ranges whose records go on, with the same event ids, in the lane's new epoch.
    """

    lane: Lane
    epoch: Epoch
    next: Seq
    moved: tuple[Range, ...]
    reason: Name


class Beat(Message, frozen=True, kw_only=True):
    """Heartbeat of a gateway: its account of what it accepted, and its health."""

    version: int = msgspec.field(name="v", default=PROTOCOL)
    gateway: GatewayId = msgspec.field(name="gw")
    boot: BootId
    mono_ms: Count
    interval_s: Annotated[float, msgspec.Meta(gt=0, le=3600)]
    lanes: dict[Lane, LaneAccount]
    lost: Annotated[tuple[Loss, ...], msgspec.Meta(max_length=256)] = ()
    closed: Annotated[tuple[ClosedEpoch, ...], msgspec.Meta(max_length=64)] = ()
    time_ms: TimeMs | None = None
    time_error_ms: Count | None = None
    clock: Name = "unknown"
    """``ntp`` (disciplined), ``hub`` (from hello), ``none``."""
    ask_time: bool = False
    """The gateway wants a hello with the hub's time."""
    spool_bytes: Count = 0
    ring_h: float = 0.0
    """Hours of settled panic and event records still held."""
    disk_free_bytes: Count | None = None
    cpu_c: float | None = None
    under_voltage: bool | None = None
    software: str = ""
    config: str = ""
    """Hash of the configuration in force."""
    undecodable: Count = 0
    """Frames that stayed without a receipt and are now tried at most once a minute."""
    devices_down: tuple[Name, ...] = ()
    """Devices that do not answer now."""


class State(Message, frozen=True, kw_only=True):
    """Birth (``online``) or last will of one connection; retained."""

    version: int = msgspec.field(name="v", default=PROTOCOL)
    gateway: GatewayId = msgspec.field(name="gw")
    online: bool
    connection: Name
    """Random id of the connection; a will of another connection than the current one means nothing."""
    boot: BootId = "00000000"
    mono_ms: Count = 0
    """Boot clock when sent; the hub echoes it in hello, from which the gateway knows the round trip."""
    interval_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 10.0
    software: str = ""
    config: str = ""


class HaveStream(msgspec.Struct, frozen=True, array_like=True):
    """What the hub has committed, refused or noted as lost of one stream."""

    lane: Lane
    epoch: Epoch
    ranges: tuple[Range, ...]


class Hello(Message, frozen=True, kw_only=True):
    """What the hub says to a gateway at its birth, when asked for the time, and to all when it starts."""

    version: int = msgspec.field(name="v", default=PROTOCOL)
    inc: Incarnation
    have: tuple[HaveStream, ...] = ()
    """Panic and event streams of the gateway, newest epochs first."""
    flow: Flow = "open"
    hub_ms: TimeMs
    echo_ms: Count | None = None
    """``mono_ms`` of the birth or beat that this answers; None when it answers none."""
    echo_boot: BootId | None = None


class Refusal(msgspec.Struct, frozen=True, array_like=True):
    """A range that the hub has dead-lettered, durably, and will not take."""

    first: Seq
    last: Seq
    reason: Name


class Receipt(Message, frozen=True, kw_only=True):
    """The hub's proof of commit. Idempotent.

    A receipt may say ``flow`` alone (no ranges), as the hub does when its flow changes.
    """

    version: int = msgspec.field(name="v", default=PROTOCOL)
    inc: Incarnation
    epoch: Epoch = msgspec.field(name="ep", default="0" * 16)
    lane: Lane = "telemetry"
    ranges: tuple[Range, ...] = ()
    refused: tuple[Refusal, ...] = ()
    noted: tuple[Range, ...] = ()
    """Lost ranges of a beat that the hub has recorded; the gateway may forget them."""
    closed: bool = False
    """The hub has recorded that the epoch is closed; the gateway may forget it."""
    flow: Flow = "open"
    new_epoch: bool = False
    """A record of this stream conflicts with one the hub holds (a cloned or restored card): move what is
    unsettled of the lane to a new epoch."""
    answered: Annotated[tuple[EventId, ...], msgspec.Meta(max_length=MOST_ANSWERED)] = ()
    """Panics of the gateway that a person has acknowledged: a lamp at the button may say so. Said again now and then,
    in a receipt without ranges; it settles nothing."""


class VersionRefusal(Message, frozen=True, kw_only=True):
    """The hub does not speak the version of a message that it got; shown by the gateway."""

    version: int = msgspec.field(name="v", default=PROTOCOL)
    refused_version: str
    spoken: tuple[int, ...] = (PROTOCOL,)
    hint: str = ""


class Command(Message, frozen=True, kw_only=True):
    """An order from a person to a gateway. Valid until ``expires_ms`` in hub time; a nonce works once."""

    version: int = msgspec.field(name="v", default=PROTOCOL)
    nonce: EventId
    name: Name
    actor: Name
    expires_ms: TimeMs
    args: dict[str, str | int | float | bool | None] = {}


class Reply(Message, frozen=True, kw_only=True):
    """A gateway's answer to a command, or the configuration it has applied."""

    version: int = msgspec.field(name="v", default=PROTOCOL)
    gateway: GatewayId = msgspec.field(name="gw")
    nonce: EventId | None = None
    ok: bool = True
    error: str = ""
    data: dict[str, str | int | float | bool | None] = {}
    config_version: Count | None = None
    config_hash: str = ""


class DesiredConfig(Message, frozen=True, kw_only=True):
    """The configuration that the hub wants a gateway to run."""

    version: int = msgspec.field(name="v", default=PROTOCOL)
    config_version: Count
    hash: str
    """SHA-256 of ``toml`` in UTF-8, in hex."""
    toml: str
