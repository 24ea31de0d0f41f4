"""A node as a device: what its messages make of its state, its presses and its samples.

A node speaks when it likes. A poll gives what has come since the last one, once, with the time when it came; what was
said long ago is never shown again as if it was new.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from contract.kinds import Quality
from edge.clock import Clock
from edge.config.nodes import ROLES, STATES, Node, NodeModel
from edge.drivers.base import Edge, MissedPollError, Reading, Value
from edge.drivers.nodes.said import Said, Scalar

KEYS = 64
"""Messages of a node that are known again."""

AWAY_MS = 15_000
"""A broker that is away for so long is told; at a start, and when it is updated, it comes sooner."""

OLD_MS = 10_000
"""What was said longer ago than this is told with the time when it was said."""

BEFORE_BOOT_MS = 600_000
"""What was said so long before the boot was said by a wrong clock: brokers do not keep it for so long. A node without a
clock begins in 1970, and all its presses would be one at the moment of the boot."""


class NodeDriver:
    """One node."""

    def __init__(self, settings: Node, meaning: NodeModel, *, clock: Clock) -> None:
        self.device = settings.name
        self.kind = meaning.kind
        self.quantities = meaning.quantities
        self.id = settings.id
        self.meaning = meaning
        self._clock = clock
        self._values: dict[str, Value] = {}
        self._heard_ms = self._since_ms = clock.mono_ms()
        self._fresh = False
        self._there: bool | None = None
        self._connected = False
        self._active: bool | None = None
        self._pressed_ms: int | None = None
        self._keys: deque[str] = deque(maxlen=KEYS)

    def connected(self, connected: bool) -> None:
        """The local broker is within reach, or not any more. What nodes said of their presence ends with it."""
        if connected is not self._connected:
            self._since_ms = self._clock.mono_ms()
        self._connected = connected
        self._there = None

    def hear(self, said: Said, *, retained: bool) -> list[Edge]:
        """Take a message in; the changes of the contact that it tells.

        Args:
            retained: the broker kept it and nobody says it now. Only the node's presence counts then.
        """
        if said.there is not None:
            self._there = said.there
            if not said.there:
                self._active = None
        if retained or not said.fields or (said.key and said.key in self._keys):
            return []
        self._keys.append(said.key)
        now_ms = self._clock.mono_ms()
        self._heard_ms = now_ms
        if said.there is None and self._there is False:
            self._there = None  # it speaks, so it is there, whatever the network thinks
        read = self._read(said.fields)
        edges = self._contact(said, self._said_ms(said, now_ms))
        self._values |= read
        self._fresh = self._fresh or bool(read) or self._tells_contact(said.fields)
        return edges

    def past(self, said: Said) -> Reading | None:
        """What was measured earlier and is told only now; None where nobody can say when, or it was before the boot."""
        now_ms = self._clock.mono_ms()
        if said.t_ms is None or not self._clock.discipline().synced:
            return None
        mono_ms = now_ms - (self._clock.now_ms() - said.t_ms)
        read = self._read(said.fields)
        if not read or not 0 <= mono_ms <= now_ms:
            return None
        return self._reading(read, mono_ms)

    async def poll(self) -> Reading:
        """What came since the last poll.

        Raises:
            MissedPollError: ``resting`` where nothing came; ``no_answer`` where the node is away or silent for too
                long, ``bus_down`` where its broker is.
        """
        now_ms = self._clock.mono_ms()
        if self._fresh:
            self._fresh = False
            return self._reading(self._values, self._heard_ms)
        if not self._connected and now_ms - self._since_ms > AWAY_MS:
            raise MissedPollError(
                "bus_down",
                "the local broker is not within reach",
                "systemctl status mosquitto; [local_broker]",
            )
        if self._there is False:
            raise MissedPollError(
                "no_answer", f"{self.id} is offline, says its network", "battery, power, radio"
            )
        silent_s = (now_ms - max(self._heard_ms, self._since_ms)) / 1000
        if self._connected and self._there is None and silent_s > self.meaning.silent_s:
            text = f"nothing came from {self.id} for {self.meaning.silent_s:g} s"
            raise MissedPollError("no_answer", text, "battery, radio, and its id as its network writes it")
        raise MissedPollError("resting", f"{self.device} has said nothing new")

    def _reading(self, told: Mapping[str, Value], mono_ms: int) -> Reading:
        values = {name: told.get(name) for name in self.quantities}
        quality = {
            name: Quality.INVALID if name in told else Quality.NO_ANSWER
            for name, value in values.items()
            if value is None
        }
        return Reading(self.device, values, mono_ms, quality)

    def _read(self, fields: Mapping[str, Scalar]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for name, at in self.meaning.values.items():
            path = self._path(at.path)
            if path in fields:
                number = number_of(fields[path])
                found[name] = None if number is None else round(number * at.scale + at.offset, 9)
        return found

    def _tells_contact(self, fields: Mapping[str, Scalar]) -> bool:
        part = self.meaning.press or self.meaning.state
        return part is not None and fields.get(self._path(part.path)) not in (None, "")

    def _contact(self, said: Said, mono_ms: int) -> list[Edge]:
        role = ROLES.get(self.kind)
        if role is None:
            return []
        press, state = self.meaning.press, self.meaning.state
        if press is not None:
            pressed = _is_one_of(said.fields.get(self._path(press.path)), press.values)
            self._values[STATES[self.kind]] = int(pressed)
            if not pressed:
                return []
            last_ms, self._pressed_ms = self._pressed_ms, mono_ms
            # What a slow network says late was pressed earlier, and is no repetition of the last one.
            if last_ms is not None and abs(mono_ms - last_ms) <= press.quiet_ms:
                return []
            return [Edge(self.device, role, True, mono_ms)]
        if state is None:
            return []
        told = said.fields.get(self._path(state.path))
        active = _is_one_of(told, state.active)
        if not active and not _is_one_of(told, state.inactive):
            return []
        first, changed, self._active = self._active is None, self._active is not active, active
        self._values[STATES[self.kind]] = int(active)
        # A door that was found shut has not just been shut.
        return (
            [Edge(self.device, role, active, mono_ms, initial=first)]
            if changed and (active or not first)
            else []
        )

    def _said_ms(self, said: Said, now_ms: int) -> int:
        """Boot clock of when it was said; now, where nobody can know better."""
        if said.t_ms is None or not self._clock.discipline().synced:
            return now_ms
        age_ms = self._clock.now_ms() - said.t_ms
        if not OLD_MS < age_ms <= now_ms + BEFORE_BOOT_MS:
            return now_ms
        return max(0, now_ms - age_ms)

    def _path(self, path: str) -> str:
        return path.replace("{channel}", self.meaning.channel)


def number_of(value: Scalar) -> float | int | None:
    """A field as a number; None where it is none."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if abs(value) < 2**63 else None


def _is_one_of(value: Scalar, wanted: tuple[str | int | float | bool, ...]) -> bool:
    # 1 is no True here, and "1" no 1: a model says what the network writes.
    return any(type(value) is type(one) and value == one for one in wanted)
