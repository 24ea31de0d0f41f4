"""Sparkplug B from the side that listens: which nodes are alive, what their aliases mean, and what they must tell anew.

A node tells its birth with every metric's name and alias, then data by alias alone; its messages are numbered. So data
of a node without a birth here, an alias nobody was told, or a missing number makes it be asked for its birth:

==========  ==============================================  =====================================================
state       how it came to be                               data makes
==========  ==============================================  =====================================================
unknown     nothing heard yet                               a question for the birth
alive       its birth                                       values; a gap or an unknown alias: the question too
dead        its death, whose bdSeq is that of the birth     a question for the birth
==========  ==============================================  =====================================================

A node's id is ``GROUP/NODE``, that of a device behind it ``GROUP/NODE/DEVICE``. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from edge.drivers.nodes.said import Said, Scalar
from edge.drivers.nodes.sparkplug_payload import Metric, Payload, decode, rebirth, value_of

PREFIX = "spBv1.0"
BD_SEQ = "bdSeq"
ASK_AGAIN_MS = 10_000
"""A node is asked for its birth no more often than this: births are long."""
SEQS = 256


@dataclass(slots=True)
class _Part:
    """A node, or a device behind it: what its aliases are called, and of which type its metrics are."""

    alive: bool = False
    names: dict[int, str] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Node:
    own: _Part = field(default_factory=_Part)
    devices: dict[str, _Part] = field(default_factory=dict)
    bd_seq: Scalar = None
    seq: int | None = None
    asked_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message comes to.

    Attributes:
        said: by id of a node or device.
        ask: topic and payload to publish, by which the node tells its birth; None: nothing to ask.
    """

    said: tuple[tuple[str, Said], ...] = ()
    ask: tuple[str, bytes] | None = None


class SparkplugHost:
    """Listens to edge nodes; ``wanted`` are the ids that somebody has configured."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._nodes = {"/".join(one.split("/")[:2]): _Node() for one in wanted}
        self._takers: Mapping[str, Callable[[_Node, str, str | None, Payload], _Taken]] = {
            "NBIRTH": self._node_birth,
            "DBIRTH": self._device_birth,
            "NDATA": self._data,
            "DDATA": self._data,
            "NDEATH": self._node_death,
            "DDEATH": self._device_death,
        }

    @property
    def filters(self) -> tuple[str, ...]:
        """Topics to subscribe to."""
        return tuple(
            topic
            for node in self._nodes
            for group, name in (node.split("/", 1),)
            for topic in (f"{PREFIX}/{group}/+/{name}", f"{PREFIX}/{group}/+/{name}/+")
        )

    def begin(self, now_ms: int, utc_ms: int) -> list[tuple[str, bytes]]:
        """Just connected: nothing that was known holds, and births are not kept by the broker. Asks for all."""
        asks = []
        for name in self._nodes:
            self._nodes[name] = _Node(asked_ms=now_ms)
            asks.append(_ask(name, utc_ms))
        return asks

    def take(self, topic: str, data: bytes, now_ms: int, utc_ms: int) -> Heard:
        """A message.

        Raises:
            UnreadableError: it is of a node that is wanted, and no Sparkplug payload.
        """
        parts = topic.split("/")
        if len(parts) not in (4, 5) or parts[0] != PREFIX:
            return Heard()
        group, kind, name = parts[1:4]
        node_id, device = f"{group}/{name}", parts[4] if len(parts) == 5 else None
        node = self._nodes.get(node_id)
        taker = self._takers.get(kind)
        if node is None or taker is None or (device is not None) is not kind.startswith("D"):
            return Heard()
        whole, said = taker(node, node_id, device, decode(data))
        if whole or (node.asked_ms is not None and now_ms - node.asked_ms < ASK_AGAIN_MS):
            return Heard(tuple(said))
        node.asked_ms = now_ms
        return Heard(tuple(said), _ask(node_id, utc_ms))

    # Each gives whether all is well with the node, and what was said.

    def _node_birth(self, node: _Node, name: str, _: str | None, payload: Payload) -> _Taken:
        node.own, node.devices = _born(payload), {}
        node.bd_seq = next((one.raw for one in payload.metrics if one.name == BD_SEQ), None)
        node.seq, node.asked_ms = payload.seq, None
        return True, list(_said(name, node.own, payload, there=True))

    def _device_birth(self, node: _Node, name: str, device: str | None, payload: Payload) -> _Taken:
        assert device is not None
        whole = self._follows(node, payload) and node.own.alive
        part = node.devices[device] = _born(payload)
        return whole, list(_said(f"{name}/{device}", part, payload, there=True))

    def _data(self, node: _Node, name: str, device: str | None, payload: Payload) -> _Taken:
        whole = self._follows(node, payload)
        part = node.own if device is None else node.devices.get(device)
        if part is None or not part.alive or not node.own.alive:
            return False, []
        known = all(_name(part, one) is not None for one in payload.metrics)
        who = name if device is None else f"{name}/{device}"
        return whole and known, list(_said(who, part, payload, there=None))

    def _node_death(self, node: _Node, name: str, _: str | None, payload: Payload) -> _Taken:
        told = next((one.raw for one in payload.metrics if one.name == BD_SEQ), None)
        if node.own.alive and told != node.bd_seq:
            return True, []  # the will of an earlier connection, which the broker found out about late
        dead = [name, *(f"{name}/{device}" for device in node.devices)]
        node.own, node.devices, node.seq = _Part(), {}, None
        return True, [(one, Said(there=False)) for one in dead]

    def _device_death(self, node: _Node, name: str, device: str | None, payload: Payload) -> _Taken:
        assert device is not None
        whole = self._follows(node, payload)
        node.devices.pop(device, None)
        return whole, [(f"{name}/{device}", Said(there=False))]

    @staticmethod
    def _follows(node: _Node, payload: Payload) -> bool:
        """Whether no message is missing before this one."""
        last, node.seq = node.seq, payload.seq
        return last is not None and payload.seq == (last + 1) % SEQS


_Taken = tuple[bool, list[tuple[str, Said]]]


def _born(payload: Payload) -> _Part:
    part = _Part(alive=True)
    for one in payload.metrics:
        if one.name is not None:
            if one.alias is not None:
                part.names[one.alias] = one.name
            if one.type is not None:
                part.types[one.name] = one.type
    return part


def _name(part: _Part, metric: Metric) -> str | None:
    if metric.name is not None:
        return metric.name
    return None if metric.alias is None else part.names.get(metric.alias)


def _said(who: str, part: _Part, payload: Payload, *, there: bool | None) -> Iterator[tuple[str, Said]]:
    """The values of now together, and those of the past by their times, oldest first."""
    now: dict[str, Scalar] = {}
    past: dict[int, dict[str, Scalar]] = {}
    newest_ms = None
    for one in payload.metrics:
        name, t_ms = _name(part, one), one.t_ms or payload.t_ms
        if name is None:
            continue
        value = value_of(one.raw, part.types.get(name) if one.type is None else one.type)
        if not one.historical:
            now[name] = value
            newest_ms = max(newest_ms or 0, t_ms or 0) or None
        elif t_ms is not None:
            past.setdefault(t_ms, {})[name] = value
    for t_ms in sorted(past):
        yield who, Said(past[t_ms], t_ms=t_ms, past=True)
    if now or there is not None:
        yield who, Said(now, there=there, t_ms=newest_ms)


def _ask(node: str, utc_ms: int) -> tuple[str, bytes]:
    group, name = node.split("/", 1)
    return f"{PREFIX}/{group}/NCMD/{name}", rebirth(utc_ms)
