"""What a message of a node says, in one form for all networks. Pure."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Scalar = str | int | float | bool | None

PAYLOAD_MAX = 64 * 1024
FIELDS_MAX = 500
DEPTH_MAX = 8


@dataclass(frozen=True, slots=True)
class Said:
    """One message.

    Attributes:
        fields: by place, as ``object.level``; None is the node's own word for no value.
        there: the network says that the node is within reach, or not; None: nothing of that.
        key: names the message; the same key again is the same message. Empty: it has no name.
        t_ms: UTC when it was said, as the network tells; None: it does not.
        past: it was kept while the node was away from its network, and says nothing of now.
    """

    fields: Mapping[str, Scalar] = field(default_factory=dict)
    there: bool | None = None
    key: str = ""
    t_ms: int | None = None
    past: bool = False


class Dialect(Protocol):
    """How the nodes of one network speak."""

    def filters(self, node: str) -> tuple[str, ...]:
        """Topics to subscribe to for a node."""

    def read(self, node: str, topic: str, payload: bytes) -> Said | None:
        """What a message says of the node; None where it is not of this node, or says nothing.

        Raises:
            UnreadableError: it is of this node, and is not as the network writes.
        """


class UnreadableError(Exception):
    """A message is not as its network writes."""


def table(payload: bytes) -> dict[str, object]:
    """A payload that is a JSON object.

    Raises:
        UnreadableError: it is none.
    """
    if len(payload) > PAYLOAD_MAX:
        raise UnreadableError(f"{len(payload)} bytes")
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("no JSON") from error
    if not isinstance(found, dict):
        raise UnreadableError("no JSON object")
    return found


def text(payload: bytes) -> str:
    """A payload that is a short text.

    Raises:
        UnreadableError: it is none.
    """
    if len(payload) > PAYLOAD_MAX:
        raise UnreadableError(f"{len(payload)} bytes")
    try:
        return payload.decode().strip()
    except UnicodeDecodeError as error:
        raise UnreadableError("no text") from error


def flat(value: object, path: str = "") -> dict[str, Scalar]:
    """A JSON value as fields by their place; what lies deeper than DEPTH_MAX, or behind FIELDS_MAX, is left out."""
    found: dict[str, Scalar] = {}
    for at, (name, one) in enumerate(_leaves(value, path, DEPTH_MAX)):
        if at >= FIELDS_MAX:
            break
        found[name] = one
    return found


def _leaves(value: object, path: str, depth: int) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        if depth:
            for name, one in pairs:
                yield from _leaves(one, f"{path}.{name}" if path else str(name), depth - 1)
    elif value is None or isinstance(value, str | int | float):
        yield path, value


def moment_ms(value: object) -> int | None:
    """UTC in milliseconds of an ISO 8601 time with its offset; None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        at = dt.datetime.fromisoformat(value)
        return None if at.tzinfo is None else round(at.timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return None
