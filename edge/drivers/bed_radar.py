"""Presence radars over a bed: LD2410 in its basic mode, which sends by itself at 256000 8N1.

A frame is ``F4 F3 F2 F1 | length | 02 AA state … 55 00 | F8 F7 F6 F5``, without a checksum; so head, length and both
tails must all be right. Limit the radar's gates to the bed when it is mounted; a target beyond `range_m` is
somebody else.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from contract.kinds import Quality
from edge.clock import Clock
from edge.drivers.base import MissedPollError, Reading
from edge.drivers.bed_state import BedState
from edge.drivers.serial_port import SerialPort

BAUD = 256_000
HEAD, TAIL = bytes.fromhex("f4f3f2f1"), bytes.fromhex("f8f7f6f5")
BODY_TAIL = b"\x55\x00"
LENGTH_MAX = 64
"""The longer frames of the engineering mode have some 35 bytes."""
FRAMES = 3
LISTEN_S = 0.6
"""It sends ten times a second."""
MOVING, STILL = 1, 2
"""Bits of the state."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a frame says.

    Attributes:
        moving_cm, still_cm: where something moves, or is without moving; None where nothing does.
    """

    moving_cm: int | None
    still_cm: int | None

    def within(self, range_m: float) -> bool:
        """Whether anything is nearer than that."""
        return any(at is not None and at <= range_m * 100 for at in (self.moving_cm, self.still_cm))


def targets(data: bytes) -> list[Target]:
    """Every frame in the bytes, whatever lies between them. Pure."""
    found = []
    at = data.find(HEAD)
    while at >= 0:
        target = _target(data, at)
        if target is not None:
            found.append(target)
        at = data.find(HEAD, at + 1)
    return found


def _target(data: bytes, at: int) -> Target | None:
    if len(data) < at + 6:
        return None
    (length,) = struct.unpack_from("<H", data, at + 4)
    body, tail = data[at + 6 : at + 6 + length], data[at + 6 + length : at + 10 + length]
    if not 11 <= length <= LENGTH_MAX or tail != TAIL or body[1] != 0xAA or body[-2:] != BODY_TAIL:
        return None
    state, moving_cm, _, still_cm = struct.unpack_from("<BHBH", body, 2)
    if body[0] not in (1, 2) or state > (MOVING | STILL):
        return None
    return Target(moving_cm if state & MOVING else None, still_cm if state & STILL else None)


class BedRadarDriver:
    """A radar over one bed."""

    kind = "bed_mat"
    quantities = ("occupied",)

    def __init__(
        self, device: str, port: SerialPort, *, range_m: float, state: BedState, clock: Clock
    ) -> None:
        self.device = device
        self._port = port
        self._range_m = range_m
        self._state = state
        self._clock = clock

    async def poll(self) -> Reading:
        """The state of the bed; no value while it is unknown.

        Raises:
            MissedPollError: ``no_answer``, ``garbage``, ``bus_down``. The bed is unknown then, and has to be seen anew.
        """
        try:
            found = await self._listen()
        except MissedPollError:
            self._state.feed(None, self._clock.mono_ms())
            raise
        now_ms = self._clock.mono_ms()
        # One frame in which a sleeper is lost among others that see him proves nothing.
        self._state.feed(any(target.within(self._range_m) for target in found), now_ms)
        occupied = self._state.occupied
        if occupied is None:
            return Reading(self.device, {"occupied": None}, now_ms, {"occupied": Quality.INVALID})
        return Reading(self.device, {"occupied": int(occupied)}, now_ms)

    async def _listen(self) -> list[Target]:
        data = await self._port.listen(lambda came: len(targets(came)) >= FRAMES, LISTEN_S)
        found = targets(data)
        if not found and data:
            hint = "look at the speed (256000), the ground, and another port than the board's mini UART"
            raise MissedPollError("garbage", f"{len(data)} bytes without a frame", hint)
        if not found:
            raise MissedPollError(
                "no_answer", "the radar sends nothing", "look at its power and its transmit line"
            )
        return found
