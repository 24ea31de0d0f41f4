"""What each certificate may say and read at the broker, as Mosquitto's ACL file. Pure.

Every gateway is named with its own cell: a certificate that the authority signed but that nobody enrolled
may do nothing, and taking a gateway out of the list takes its rights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contract.topics import LANES, PROTOCOL, WATCH, WATCH_CELL, check_cell
from provisioning.names import HUB_CONTROL, HUB_TELEMETRY, check_gateway_name

_ALL = f"siaga/{PROTOCOL}/+/+"


@dataclass(frozen=True, slots=True, order=True)
class Enrolled:
    """A gateway that may speak: its id, which is the name in its certificate, and its cell (0 to 63)."""

    gateway: str
    cell: int

    def __post_init__(self) -> None:
        check_gateway_name(self.gateway)
        check_cell(self.cell)


def render(gateways: Iterable[Enrolled]) -> str:
    """The ACL file for these gateways and the hub.

    A gateway writes its own ``up/#`` and ``state`` and reads its own ``down/#``. The hub reads ``up/#`` and
    ``state`` and writes ``down/#``; its telemetry connection reads samples only. The watch presses and reads the
    answers. Whoever is not named has no right.
    """
    lines = ["# Written by siaga-provision; changes are overwritten.", *_hub()]
    for one in sorted(set(gateways)):
        own = f"siaga/{PROTOCOL}/{one.cell:02d}/{one.gateway}"
        lines += [
            "",
            f"user {one.gateway}",
            f"topic write {own}/up/#",
            f"topic write {own}/state",
            f"topic read {own}/down/#",
        ]
    return "\n".join(lines) + "\n"


def _hub() -> Iterator[str]:
    yield ""
    yield f"user {HUB_CONTROL}"
    for lane in LANES:
        if lane != "telemetry":
            yield f"topic read {_ALL}/up/{lane}"
    yield f"topic read {_ALL}/up/beat"
    yield f"topic read {_ALL}/up/reply"
    yield f"topic read {_ALL}/state"
    yield f"topic write {_ALL}/down/#"
    yield "topic read $SYS/broker/#"
    yield ""
    yield f"user {HUB_TELEMETRY}"
    yield f"topic read {_ALL}/up/telemetry"
    yield f"topic write {_ALL}/down/receipt"
    yield ""
    yield f"user {WATCH}"
    yield f"topic write siaga/{PROTOCOL}/{WATCH_CELL:02d}/{WATCH}/up/panic"
    yield f"topic read siaga/{PROTOCOL}/{WATCH_CELL:02d}/{WATCH}/down/#"
