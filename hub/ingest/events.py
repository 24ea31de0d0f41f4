"""Panic and event records: what accept hands to commit, and what commit hands to their consequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from contract.topics import Lane

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """One record of a panic or event frame that may be stored.

    Attributes:
        event_id: the gateway's id of the event; for a malformed panic without one, made from its key.
        t_ms: when it happened by the gateway's mapping, as declared; None where the gateway had no clock.
        error_ms: half the interval in which the true time lies.
        age_ms: how long ago it happened, at arrival; None where nobody can know.
        malformed: the body is not an event; ``raw`` is all there is. Only in the panic lane.
        raw: the body's bytes as the spool holds them.
    """

    seq: int
    event_id: str
    kind: str
    device: str
    data: Mapping[str, Scalar]
    t_ms: int | None
    error_ms: int
    age_ms: int | None
    malformed: bool
    raw: bytes


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """One record that the hub will not take; it becomes a dead letter and then a refusal in a receipt."""

    seq: int
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class AcceptedEvents:
    """A panic or event frame whose head is good: each record is accepted or refused."""

    gateway: str
    cell: int
    site: str
    epoch: str
    lane: Lane
    boot: str
    first: int
    last: int
    again: bool
    received_ms: int
    sent_ms: int | None
    """When the gateway sent the frame, by its own mapping; None where unknown."""
    records: tuple[AcceptedEvent, ...]
    refused: tuple[RefusedRecord, ...]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A panic or event record as a row of ``events``, in the transaction that stores it.

    Attributes:
        row_id: its id in ``events``.
        event_id: unique among the events of a gateway; the key by which copies are one event. Where one id
            came with two bodies, the second has an id of its own here.
        again: the gateway had a receipt for it; this hub lacked it (restored from a backup).
        conflict: another body holds the same key or id (a cloned or restored card).
        malformed: the body is not an event; ``raw`` is all there is. Only in the panic lane.
        age_ms: how long ago it happened, at arrival; None where nobody can know.
    """

    row_id: int
    gateway: str
    cell: int
    site: str
    epoch: str
    lane: Lane
    seq: int
    event_id: str
    kind: str
    device: str
    data: Mapping[str, Scalar]
    t_ms: int | None
    error_ms: int
    received_ms: int
    age_ms: int | None
    again: bool
    conflict: bool
    malformed: bool
    raw: bytes


class Consequences(Protocol):
    """What a new event causes, on the connection of the transaction that stores it.

    Called once for each event, never for a duplicate or a copy. An error undoes the whole transaction; the
    gateway then has no receipt and sends again.
    """

    def panic(self, conn: Connection, event: StoredEvent) -> None:
        """Every record of the panic lane, malformed ones too."""
        ...

    def event(self, conn: Connection, event: StoredEvent) -> None:
        """Every record of the event lane."""
        ...


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did, all of it durable when the transaction is.

    Attributes:
        ranges: seqs now stored, those that were there before included.
        refused: (first, last, reason) of records now dead-lettered.
        new: rows that this commit made, copies of known events not included.
        duplicates: records that were there already.
        copies: records stored under a new key whose event was known.
        conflicts: records stored beside another body of their key.
        new_epoch: the gateway is to be told to move to a new epoch.
    """

    ranges: tuple[tuple[int, int], ...]
    refused: tuple[tuple[int, int, str], ...]
    new: tuple[StoredEvent, ...]
    duplicates: int
    copies: int
    conflicts: int
    new_epoch: bool
