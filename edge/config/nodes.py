"""Radio nodes and other devices that speak MQTT to a broker beside the gateway, never to the hub's."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contract.kinds import KINDS
from contract.strict_toml import Mistake, MistakesError, closest
from edge.config.contacts import CONTACT_KINDS
from edge.config.section import Name, PointLimits, Port, Seconds, Section, check_kind

Speaks = Literal["chirpstack", "zigbee2mqtt", "tasmota", "esphome", "rtl_433", "shelly", "sparkplug"]

STATES = {"panic_button": "pressed", "bed_mat": "occupied", "door_contact": "open", "nurse_call": "called"}
"""The quantity that is the state of a contact, by its kind."""

Path_ = Annotated[
    str, Meta(min_length=1, max_length=200, description='a place in its messages, as "object.level"')
]
Scalar = str | int | float | bool


class LocalBroker(Section, frozen=True, kw_only=True):
    """The broker of the site's nodes: on the board itself, or with a name and a password."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Port = 1883
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    """With it TLS is spoken, and the broker must show a certificate of this authority."""
    keepalive_s: Annotated[int, Meta(ge=5, le=1200)] = 30

    def __post_init__(self) -> None:
        if (self.username is None) != (self.password_file is None):
            raise MistakesError(
                Mistake("a username and a password_file belong together", at=("username",), instead="both")
            )
        if self.username is None and not _is_loopback(self.host):
            raise MistakesError(
                Mistake(
                    f"whoever reaches {self.host} could press every button",
                    at=("host",),
                    instead='"127.0.0.1", or a username and a password_file',
                )
            )


class NodeValue(Section, frozen=True, kw_only=True):
    """Where a quantity stands in a node's messages: quantity = number there × scale + offset."""

    path: Path_
    scale: float = 1.0
    offset: float = 0.0


class NodePress(Section, frozen=True, kw_only=True):
    """What says that a button was pressed, and nothing when it is let go."""

    path: Path_
    values: Annotated[tuple[Scalar, ...], Meta(min_length=1)]
    quiet_ms: Annotated[int, Meta(ge=0, le=60_000)] = 1000
    """What is said again within so long is the same press."""


class NodeState(Section, frozen=True, kw_only=True):
    """What says that a contact is pressed, taken or open, and what that it is not."""

    path: Path_
    active: Annotated[tuple[Scalar, ...], Meta(min_length=1)]
    inactive: Annotated[tuple[Scalar, ...], Meta(min_length=1)]


class NodeModel(Section, frozen=True, kw_only=True):
    """What the messages of a sort of node mean. A file of ``firmware_configs/nodes`` is one."""

    title: str
    sources: Annotated[tuple[str, ...], Meta(min_length=1)]
    speaks: Speaks
    kind: str
    press: NodePress | None = None
    state: NodeState | None = None
    values: dict[str, NodeValue] = msgspec.field(default_factory=dict)
    channel: str = "0"
    """Stands for ``{channel}`` in paths, where a node's own does not."""
    silent_s: Annotated[float, Meta(ge=5, le=864_000)] = 7200.0

    def __post_init__(self) -> None:
        check_kind(self.kind)
        mistakes = list(_misread(self))
        if mistakes:
            raise MistakesError(*mistakes)

    @property
    def quantities(self) -> tuple[str, ...]:
        """What a sample of it carries."""
        state = (STATES[self.kind],) if self.press or self.state else ()
        return (*state, *(name for name in self.values if name not in state))


class Node(Section, frozen=True, kw_only=True):
    """A node, by a model, or by what its messages mean here."""

    name: Name
    id: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^+#\s]+$")]
    """As its network calls it; see the guide for each."""
    model: str | None = None
    """A file of ``firmware_configs/nodes`` without its ending; then ``speaks`` and ``kind`` are there."""
    speaks: Speaks | None = None
    kind: str | None = None
    press: NodePress | None = None
    state: NodeState | None = None
    values: dict[str, NodeValue] = msgspec.field(default_factory=dict)
    channel: str | None = None
    silent_s: Annotated[float, Meta(ge=5, le=864_000)] | None = None
    """Silent for longer, it is down. None: as the model says, or two hours."""
    poll_s: Seconds = 1.0
    """How often it is looked whether something has come."""
    points: dict[str, PointLimits] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.model is None and (self.speaks is None or self.kind is None):
            instead = 'model = "zigbee2mqtt_button", or speaks and kind'
            raise MistakesError(Mistake("neither a model nor speaks and kind", at=(), instead=instead))
        if self.model is not None and (self.speaks is not None or self.kind is not None):
            raise MistakesError(
                Mistake("the model says how it speaks and what it is", at=("model",), instead="one of both")
            )
        if self.model is None:
            self.meaning(None)

    def meaning(self, model: NodeModel | None) -> NodeModel:
        """The model with what this node has of its own.

        Raises:
            MistakesError: both together make no sense.
        """
        if model is None:
            assert self.speaks is not None
            assert self.kind is not None
            model = NodeModel(
                title=self.name,
                sources=("gateway.toml",),
                speaks=self.speaks,
                kind=self.kind,
                press=self.press,
                state=self.state,
                values=self.values,
            )
        whole = msgspec.structs.replace(
            model,
            press=self.press or model.press,
            state=self.state or model.state,
            values={**model.values, **self.values},
            channel=model.channel if self.channel is None else self.channel,
            silent_s=model.silent_s if self.silent_s is None else self.silent_s,
        )
        mistakes = list(_misread(whole))
        check_kind(whole.kind, self.points)
        if mistakes:
            raise MistakesError(*mistakes)
        return whole


def _misread(model: NodeModel) -> list[Mistake]:
    known = KINDS[model.kind].quantities
    found = [
        Mistake(f"{model.kind} has no quantity {name!r}", at=("values", name), instead=closest(name, known))
        for name in model.values
        if name not in known
    ]
    if (model.press or model.state) and model.kind not in STATES:
        instead = closest(model.kind, STATES) or "panic_button"
        found.append(Mistake(f"a {model.kind} has no contact", at=("kind",), instead=instead))
    if model.press and model.state:
        found.append(Mistake("either press or state", at=("press",), instead="remove one of both"))
    if model.press and model.kind not in ("panic_button", "nurse_call"):
        found.append(Mistake(f"a {model.kind} is not pressed", at=("press",), instead="a state"))
    if not model.quantities:
        found.append(
            Mistake("nothing of its messages is read", at=("values",), instead="a value, or a press")
        )
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


ROLES = {kind: role for role, kind in CONTACT_KINDS.items()}
"""What a contact is for, by its kind."""
