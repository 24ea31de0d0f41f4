"""Alarms in SQL. Every function takes a Connection and is part of the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from hub.region import Region
from hub.rules.model import Change, StationState


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What makes an alarm the same alarm: place, device, point and condition.

    Attributes:
        device: device id, or the gateway's id for conditions of the gateway itself.
        point: quantity, "" where the condition is of the whole device.
        condition: ``panic``, ``level``, ``rise``, ``silent``, ``ring`` …
    """

    site: str
    gateway: str
    device: str
    point: str
    condition: str


@dataclass(frozen=True, slots=True)
class Raised:
    """What raising did: the alarm's row id, whether it was not active before, and its state now."""

    alarm_id: int
    new: bool
    state: str
    severity: int


def raise_alarm(
    conn: Connection,
    fingerprint: Fingerprint,
    *,
    severity: int,
    now_ms: int,
    t_ms: int | None = None,
    delay_ms: int = 0,
    rearm: bool = False,
    detail: Mapping[str, Any] | None = None,
) -> Raised:
    """The condition is there, with a severity of 0..3 (3 worst).

    An alarm that is already active keeps its row: a higher severity, or ``rearm`` (each press of a panic button),
    asks for acknowledgement anew; the same or a lower one does not.

    Args:
        t_ms: when it happened; None where no clock knows.
        delay_ms: how late the hub heard of it.
        rearm: this is a new happening even if the alarm is active and acknowledged.
        detail: JSON data for people.
    """
    raise NotImplementedError


def clear_alarm(conn: Connection, fingerprint: Fingerprint, *, now_ms: int, note: str = "") -> bool:
    """The condition is over; False where it was not active. Unacknowledged it stays as returned until seen."""
    raise NotImplementedError


def acknowledge(conn: Connection, alarm_id: int, *, actor: str, now_ms: int, note: str = "") -> str:
    """A person has seen it; return the state now. Idempotent.

    Raises:
        hub.alarms.machine.AlarmError: there is no such alarm.
    """
    raise NotImplementedError


def apply(conn: Connection, change: Change, now_ms: int, *, region: Region) -> None:
    """Write a change: its level_changes row, its alarm, and the notice to the duty desk if it worsened to Siaga 2
    or 1. Idempotent for a change that is already written."""
    raise NotImplementedError


def active(conn: Connection) -> list[dict[str, Any]]:
    """Every alarm that is not normal, the worst and then the oldest first."""
    raise NotImplementedError


def save_states(conn: Connection, states: Iterable[StationState]) -> None:
    """Store the engine's states; with every change, and else every few seconds for those that moved."""
    raise NotImplementedError


def restore(conn: Connection) -> list[StationState]:
    """The states that the engine takes up at hub start."""
    raise NotImplementedError
