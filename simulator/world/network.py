"""A broker without memory and the links to it, with all that can go wrong on the way.

Within a connection messages keep their order, as TCP does, unless the world is told to reorder. A message is
never lost without its connection breaking, save that a broker whose queue is full acknowledges and drops
(measured in mosquitto). A link that is cut loses what is on the way; each side notices later, by its
keepalive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from simulator.world.loop import WorldLoop

KEEPALIVE_S = 15.0
"""The latest that a side notices that the other is gone."""


@dataclass
class Weather:
    """What the network does to messages. Chances are per message."""

    delay_s: tuple[float, float] = (0.005, 0.05)
    drop: float = 0.0
    """Acknowledged by the broker and lost (a full queue)."""
    duplicate: float = 0.0
    """Delivered twice, the second time later (a clustered broker, a redelivery)."""
    reorder: float = 0.0
    """Overtaken by later messages."""
    bytes_per_s: float = 1e6


@dataclass
class Link:
    """The way between one client and the broker."""

    name: str
    up: bool = True
    """Whether messages to the broker pass."""
    down: bool = True
    """Whether messages from the broker pass."""
    weather: Weather = field(default_factory=Weather)


@dataclass(frozen=True)
class Will:
    """What the broker says in a client's name when the client is gone without a word."""

    topic: str
    payload: bytes


class Filter(NamedTuple):
    """A subscription; ``as_published`` keeps the retained flag of a message that passes by."""

    pattern: str
    as_published: bool = False


class Connection:
    """One MQTT session, clean start, from CONNECT to its end. Callbacks are silent once it is over.

    Attributes:
        open: what the client believes.
        known: what the broker believes.
    """

    def __init__(
        self,
        broker: Broker,
        client: str,
        link: Link,
        filters: Iterable[Filter],
        *,
        on_message: Callable[[str, bytes, bool], None],
        on_puback: Callable[[int], None],
        on_lost: Callable[[], None],
        will: Will | None,
    ) -> None:
        self.broker = broker
        self.client = client
        self.link = link
        self.filters = tuple((item.pattern.split("/"), item.as_published) for item in filters)
        self.on_message = on_message
        self.on_puback = on_puback
        self.on_lost = on_lost
        self.will = will
        self.open = True
        self.known = True
        self._mid = 0
        self._free_at = {"up": 0.0, "down": 0.0}
        """When the last message of a direction arrives: the next is never before it."""
        self._sent_at = 0.0
        """When the last byte has left the client, by the link's rate."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Hand a message over; its PUBACK comes with the returned id, if it comes."""
        self._mid += 1
        mid = self._mid
        if self.open:
            self._travel("up", len(payload), lambda: self._arrived(mid, topic, payload, retain))
        return mid

    def close(self) -> None:
        """Disconnect in order: no will."""
        if self.open:
            self.open = False
            self._travel("up", 2, self._forget)

    def die(self) -> None:
        """The client's process is gone; the operating system closes the socket, so the broker soon knows."""
        if self.open:
            self.open = False
            self._travel("up", 2, self._gone)

    def vanish(self) -> None:
        """The client's machine is gone without a word; the broker finds out by its keepalive."""
        if self.open:
            self.open = False
            self.broker.loop.call_later(KEEPALIVE_S, self._gone)

    def lose(self, after_s: float) -> None:
        """The client notices after that time that the connection is broken."""

        def notice() -> None:
            if self.open:
                self.open = False
                self.on_lost()

        self.broker.loop.call_later(after_s, notice)

    def deliver(self, topic: str, payload: bytes, retained: bool) -> None:
        """From the broker to the client."""

        def arrive() -> None:
            if self.open:
                self.on_message(topic, payload, retained)

        self._travel("down", len(payload), arrive)

    def gone(self) -> None:
        """The broker ends the session: it crashed, or another client came with the same id."""
        self._gone()
        self.lose(0.0)

    def _gone(self) -> None:
        if self.known and self.broker.up:
            self._forget()
            if self.will:
                self.broker.route(self.will.topic, self.will.payload, retain=True)

    def _forget(self) -> None:
        self.known = False
        if self.broker.connections.get(self.client) is self:
            del self.broker.connections[self.client]

    def _arrived(self, mid: int, topic: str, payload: bytes, retain: bool) -> None:
        if not (self.known and self.broker.up):
            return
        self._travel("down", 4, lambda: self._acknowledged(mid))
        if self.broker.random.random() >= self.link.weather.drop:
            self.broker.route(topic, payload, retain=retain)

    def _acknowledged(self, mid: int) -> None:
        if self.open:
            self.on_puback(mid)

    def _travel(self, direction: str, size: int, arrive: Callable[[], None]) -> None:
        """Bring something to the other end, or lose it where the link is cut then."""
        loop, random, weather = self.broker.loop, self.broker.random, self.link.weather
        generation = self.broker.generation
        now = loop.time()
        if direction == "up":
            self._sent_at = max(self._sent_at, now) + size / weather.bytes_per_s
            start = self._sent_at
        else:
            start = now + size / weather.bytes_per_s
        at = start + random.uniform(*weather.delay_s)
        if random.random() < weather.reorder:
            at += random.uniform(0, 1.0)
        else:
            at = self._free_at[direction] = max(at, self._free_at[direction] + 1e-6)

        def land() -> None:
            if getattr(self.link, direction) and self.broker.generation == generation:
                arrive()

        loop.call_at(at, land)
        if random.random() < weather.duplicate and size > 4:
            loop.call_at(at + random.uniform(0, 3.0), land)


class Broker:
    """Routes messages between the sessions of one world. Persistence off: a crash forgets all."""

    def __init__(self, loop: WorldLoop, random: Random) -> None:
        self.loop = loop
        self.random = random
        self.up = True
        self.generation = 0
        self.connections: dict[str, Connection] = {}
        self.retained: dict[str, bytes] = {}

    def connect(
        self,
        client: str,
        link: Link,
        filters: Iterable[Filter],
        *,
        on_message: Callable[[str, bytes, bool], None],
        on_puback: Callable[[int], None],
        on_lost: Callable[[], None],
        will: Will | None = None,
    ) -> Connection | None:
        """A new session; None where the broker cannot be reached. An older one of that client ends."""
        if not (self.up and link.up and link.down):
            return None
        before = self.connections.get(client)
        if before is not None:
            before.gone()
        connection = Connection(
            self,
            client,
            link,
            filters,
            on_message=on_message,
            on_puback=on_puback,
            on_lost=on_lost,
            will=will,
        )
        self.connections[client] = connection
        for topic, payload in sorted(self.retained.items()):
            if _wants(connection, topic) is not None:
                connection.deliver(topic, payload, True)
        return connection

    def route(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """To everybody who subscribed to it."""
        if retain:
            self.retained[topic] = payload
        for connection in list(self.connections.values()):
            as_published = _wants(connection, topic)
            if as_published is not None:
                connection.deliver(topic, payload, retain and as_published)

    def crash(self) -> None:
        """Everything it held is gone; clients see their sockets closed."""
        self.up = False
        self.generation += 1
        for connection in list(self.connections.values()):
            connection.known = False
            connection.lose(self.random.uniform(0, 0.5))
        self.connections.clear()
        self.retained.clear()

    def start(self) -> None:
        """It takes connections again."""
        self.up = True

    def cut(self, link: Link, *, up: bool = True, down: bool = True) -> None:
        """Cut a link, one way or both. Each side notices by its keepalive; what is on the way is lost."""
        if up:
            link.up = False
        if down:
            link.down = False
        for connection in list(self.connections.values()):
            if connection.link is link:
                connection.lose(self.random.uniform(0.5, KEEPALIVE_S))
                self.loop.call_later(self.random.uniform(1.0, KEEPALIVE_S), connection._gone)

    def mend(self, link: Link) -> None:
        """The link passes messages again."""
        link.up = link.down = True


def _wants(connection: Connection, topic: str) -> bool | None:
    """Whether the session keeps the retained flag of that topic's messages; None where it has no subscription."""
    parts = topic.split("/")
    for pattern, as_published in connection.filters:
        if _matches(pattern, parts):
            return as_published
    return None


def _matches(pattern: list[str], parts: list[str]) -> bool:
    for at, piece in enumerate(pattern):
        if piece == "#":
            return True
        if at >= len(parts) or (piece not in ("+", parts[at])):
            return False
    return len(pattern) == len(parts)
