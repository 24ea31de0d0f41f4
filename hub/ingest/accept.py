"""What a message is worth. Pure: the same message, registry and time give the same verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contract.messages import Beat, Reply, State, TelemetryFrame, VersionRefusal
from hub.ingest.events import AcceptedEvents, RefusedRecord


@dataclass(frozen=True, slots=True)
class Registered:
    """A gateway that the hub knows."""

    gateway: str
    cell: int
    site: str
    interval_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Ignored:
    """Not looked at, only counted: a retained frame."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """Not to be trusted or not to be read: a dead letter, and no receipt.

    Attributes:
        gateway: as the topic says, None where the topic is no topic.
    """

    reason: str
    detail: str
    gateway: str | None
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ForeignVersion:
    """Of another protocol version: the gateway is told so."""

    gateway: str
    cell: int
    answer: VersionRefusal


@dataclass(frozen=True, slots=True)
class AcceptedTelemetry:
    """A telemetry frame whose head is good.

    Attributes:
        ages_ms: age of each row on arrival; None where nobody can know.
        refused: rows that will not be taken; the others are good.
    """

    gateway: str
    cell: int
    site: str
    frame: TelemetryFrame
    received_ms: int
    sent_ms: int | None
    ages_ms: tuple[int | None, ...]
    refused: tuple[RefusedRecord, ...]


@dataclass(frozen=True, slots=True)
class AcceptedBeat:
    """A heartbeat of a known gateway."""

    gateway: str
    cell: int
    beat: Beat


@dataclass(frozen=True, slots=True)
class AcceptedState:
    """A birth or will of a known gateway. ``retained`` says that it is not of now."""

    gateway: str
    cell: int
    state: State
    retained: bool


@dataclass(frozen=True, slots=True)
class AcceptedReply:
    """An answer to a command, or the configuration in force."""

    gateway: str
    cell: int
    reply: Reply


Verdict = (
    Ignored
    | Dead
    | ForeignVersion
    | AcceptedEvents
    | AcceptedTelemetry
    | AcceptedBeat
    | AcceptedState
    | AcceptedReply
)


def accept(
    topic: str,
    payload: bytes,
    *,
    retained: bool,
    received_ms: int,
    gateways: Mapping[str, Registered],
) -> Verdict:
    """Judge one message. Never raises."""
    raise NotImplementedError
