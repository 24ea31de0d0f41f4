"""The topic tree: who says what where.

``siaga/1/{cell}/{gateway}/{leaf}``; a gateway publishes its own ``up/#`` and ``state`` and reads its own
``down/#``. The broker's ACL binds the gateway part to the name in the client certificate.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from contract.errors import TopicError

PROTOCOL = 1
"""Version of the topic tree and of every message in it."""

CELLS = 64
"""Number of cells a gateway can live in, ``00`` to ``63``."""

WATCH = "hub-watch"
"""Who presses to see whether the hub hears. A name that no gateway can have; whatever it presses is a test."""

WATCH_CELL = 0

Lane = Literal["panic", "event", "telemetry"]
LANES: tuple[Lane, ...] = ("panic", "event", "telemetry")
"""The three lanes in the order in which they are sent."""

UP_LEAVES = ("up/panic", "up/event", "up/telemetry", "up/beat", "up/reply", "state")
DOWN_LEAVES = ("down/hello", "down/receipt", "down/config", "down/command")

_GATEWAY = re.compile(r"[a-z0-9][a-z0-9-]{2,47}\Z")
_ROOT = f"siaga/{PROTOCOL}"


class Topic(NamedTuple):
    """A topic taken apart."""

    cell: int
    gateway: str
    leaf: str

    def __str__(self) -> str:
        return topic(self.cell, self.gateway, self.leaf)

    @property
    def lane(self) -> Lane | None:
        """The lane of a frame topic, None for every other leaf."""
        for lane in LANES:
            if self.leaf == f"up/{lane}":
                return lane
        return None


def check_gateway(gateway: str) -> str:
    """Return the gateway id unchanged.

    Raises:
        TopicError: it does not match ``[a-z0-9][a-z0-9-]{2,47}``.
    """
    if not _GATEWAY.match(gateway):
        raise TopicError(
            "gateway",
            f"{gateway!r} is not a gateway id",
            "3 to 48 lower-case letters, digits and hyphens, starting with a letter or digit",
        )
    return gateway


def check_cell(cell: int) -> int:
    """Return the cell unchanged.

    Raises:
        TopicError: it is not 0 to 63.
    """
    if not 0 <= cell < CELLS:
        raise TopicError("cell", f"{cell!r} is not a cell", f"cells go from 0 to {CELLS - 1}")
    return cell


def topic(cell: int, gateway: str, leaf: str) -> str:
    """Build a topic from its parts, checked.

    Raises:
        TopicError: a part does not have the form of the contract.
    """
    if leaf not in UP_LEAVES and leaf not in DOWN_LEAVES:
        raise TopicError("leaf", f"{leaf!r} is no leaf of the topic tree")
    return f"{_ROOT}/{check_cell(cell):02d}/{check_gateway(gateway)}/{leaf}"


def parse(text: str) -> Topic:
    """Take a topic apart.

    Raises:
        TopicError: it is not one of this protocol version's topics.
    """
    parts = text.split("/", 4)
    if len(parts) != 5 or parts[0] != "siaga":
        raise TopicError("topic", f"{text!r} is not a topic of Siaga")
    _, version, cell, gateway, leaf = parts
    if version != str(PROTOCOL):
        raise TopicError("version", f"topic version {version!r} is not spoken here")
    if len(cell) != 2 or not (cell.isascii() and cell.isdigit()):
        raise TopicError("cell", f"{cell!r} is not a two-digit cell")
    if leaf not in UP_LEAVES and leaf not in DOWN_LEAVES:
        raise TopicError("leaf", f"{leaf!r} is no leaf of the topic tree")
    return Topic(check_cell(int(cell)), check_gateway(gateway), leaf)


def gateway_filter(cell: int, gateway: str) -> str:
    """The subscription of a gateway: everything the hub says to it."""
    return f"{_ROOT}/{check_cell(cell):02d}/{check_gateway(gateway)}/down/#"


def hub_filters(*, telemetry: bool) -> tuple[str, ...]:
    """The subscriptions of the hub's two connections.

    Args:
        telemetry: True for the connection that carries samples, False for the one that carries panic, event,
            beat, reply and state, so that no backlog is ever ahead of a panic.
    """
    if telemetry:
        return (f"{_ROOT}/+/+/up/telemetry",)
    leaves = ("up/panic", "up/event", "up/beat", "up/reply", "state")
    return tuple(f"{_ROOT}/+/+/{leaf}" for leaf in leaves)
