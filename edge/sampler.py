"""Polls devices in their rhythm and hands stamped samples to the spool in groups.

A missed poll makes no sample, never a zero: after some of them the device is said to be down, once, and up again,
once. What the spool has not committed is not promised to anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from contract.codec import encode_body
from contract.kinds import KINDS, Quality
from contract.messages import EventBody
from edge.cancelled import raise_if_cancelled
from edge.clock import Clock
from edge.drivers.base import Driver, Edge, MissedPollError, Reading, Value
from edge.errors import EdgeError, RecordError
from edge.points import Limits, Track, judge

log = logging.getLogger(__name__)

_Item = TypeVar("_Item")

GROUP_ROWS = 200
"""A commit is made at this many samples, or at any event…"""
GATHER_S = 0.02
"""… or this long after the first sample, so that devices that are polled together lie in one commit…"""
GROUP_S = 0.9
"""… but for samples alone never sooner than this after the last one: in a rhythm of a second, one commit a second."""
APART_MS = 10
"""Two samples of one device are never nearer than this."""
WAITING_MAX = 20_000
"""Samples, and events, kept in memory while the card refuses them; beyond this the oldest are dropped and counted."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A device's stamped readings at one time: what becomes one record of the telemetry lane.

    Attributes:
        device, kind: whose it is.
        quantities: what `values` are, in the same order; the same for every sample of a device.
        values: of the field type of their quantity; None is no value.
        quality: (index in `values`, Quality) where a value is not good.
        mono_ms: boot clock; within a boot strictly increasing for a device, but for what it tells late.
    """

    device: str
    kind: str
    quantities: tuple[str, ...]
    values: tuple[Value, ...]
    quality: tuple[tuple[int, int], ...]
    mono_ms: int


class Sink(Protocol):
    """What the sampler writes to: the spool, or what stands before it.

    Both calls commit before they return (or before their awaitable is done) and raise EdgeError when the card does
    not take it; then nothing of the call is kept.
    """

    def append_samples(self, samples: Sequence[Sample]) -> Awaitable[object] | object:
        """Commit the samples in this order, in one transaction."""

    def append_events(self, events: Sequence[tuple[int, bytes]]) -> Awaitable[object] | object:
        """Commit (mono_ms, body) each as a record of the event lane, in one transaction."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a device is sampled.

    Attributes:
        driver: the device.
        poll_s: seconds between two polls.
        limits: what is plausible, by quantity.
        down_after: missed polls in a row after which the device is down.
    """

    driver: Driver
    poll_s: float
    limits: Mapping[str, Limits]
    down_after: int = 2


@dataclass(frozen=True, slots=True)
class DeviceState:
    """How a device stands.

    Attributes:
        sample: the last one; None where there was none since the start.
        missed: why the last poll gave none; None where it did.
    """

    device: str
    kind: str
    down: bool
    sample: Sample | None
    missed: MissedPollError | None


class Sampler:
    """The poll rhythm of all devices of a gateway.

    ``run`` keeps the rhythm; ``poll`` and ``flush`` do one step, for replays. Both ways make the same samples.
    """

    def __init__(
        self,
        schedules: Sequence[Schedule],
        *,
        clock: Clock,
        sink: Sink,
        random_hex: Callable[[int], str],
        on_poll: Callable[[float], None] = lambda _: None,
    ) -> None:
        """
        Args:
            schedules: the devices; ``edge.drivers.registry`` makes them from the configuration.
            random_hex: `edge.clock.random_hex`, for event ids.
            on_poll: told before each poll in the rhythm, with its seconds, to show that the sampler lives.
        """
        self._devices = {each.driver.device: _Device(each) for each in schedules}
        self._clock = clock
        self._sink = sink
        self._random_hex = random_hex
        self._on_poll = on_poll
        self._waiting: deque[Sample] = deque()
        self._events: deque[tuple[int, bytes]] = deque()
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._resting = False
        self._sleeping: set[asyncio.Future[None]] = set()
        self._polling: list[asyncio.Task[None]] = []
        self._writing = asyncio.Lock()
        self._stored = True
        self.dropped = 0
        """Samples and events that the card refused for so long that memory had no room; never promised to anybody."""

    @property
    def devices_down(self) -> tuple[str, ...]:
        """Devices that do not answer now."""
        return tuple(name for name, device in self._devices.items() if device.down)

    @property
    def states(self) -> tuple[DeviceState, ...]:
        """How each device stands, in the order of the configuration."""
        return tuple(
            DeviceState(name, one.schedule.driver.kind, one.down, one.sample, one.missed_by)
            for name, one in self._devices.items()
        )

    async def run(self) -> None:
        """Poll each device in its rhythm and commit what they say, until cancelled; then commit the rest."""
        try:
            async with asyncio.TaskGroup() as group:
                # Devices of one rhythm are polled in one go, one behind the other where they share a bus: the
                # processor wakes once for all of them, and what they say is one commit.
                for device in self._devices.values():
                    name = f"poll {device.schedule.driver.device}"
                    self._polling.append(group.create_task(self._keep_polling(device), name=name))
                group.create_task(self._keep_writing(), name="sampler commits")
        finally:
            await self.flush()

    async def rest(self) -> bool:
        """Finish the polls that are under way, poll no more, and commit what was read. Edges are still taken.

        Returns:
            True when everything is committed, as flush does.
        """
        self._resting = True
        for sleeping in self._sleeping:
            _end(sleeping)
        if self._polling:
            await asyncio.wait(self._polling)
        return await self.flush()

    async def poll(self, device: str) -> Sample | None:
        """Poll one device now and keep the sample for the next commit.

        Returns:
            The sample; None where the poll was missed, or was not made because the last one was just now.
        """
        state = self._devices[device]
        async with state.asking:
            return await self._poll(state)

    async def _poll(self, state: _Device) -> Sample | None:
        if state.last_ms is not None and self._clock.mono_ms() - state.last_ms < APART_MS:
            # Not asked at all: what a device has answered is never thrown away.
            return None
        try:
            reading = await state.schedule.driver.poll()
        except MissedPollError as missed:
            self._missed(state, missed)
            return None
        except Exception as error:
            # A fault of the driver itself. It must not take the buttons with it.
            log.exception("driver_failed device=%s", state.schedule.driver.device)
            hint = "the driver's own fault: send the gateway's log to who maintains Siaga"
            self._missed(state, MissedPollError("garbage", f"{type(error).__name__}: {error}", hint))
            return None
        sample = state.stamp(reading)
        self._answered(state, reading.mono_ms)
        self._keep(sample)
        return sample

    async def flush(self) -> bool:
        """Commit what waits, in groups of GROUP_ROWS, events first.

        Returns:
            True when nothing waits any more. On False the card refused; what waits stays for the next try.
        """
        async with self._writing:
            try:
                await self._write(self._events, self._sink.append_events)
                await self._write(self._waiting, self._sink.append_samples)
            except EdgeError as error:
                if self._stored:
                    log.error("samples_unstored error=%r waiting=%d", str(error), len(self._waiting))
                self._stored = False
                return False
        if not self._stored:
            log.warning("samples_stored_again dropped=%d", self.dropped)
        self._stored = True
        return True

    def past(self, reading: Reading) -> None:
        """Keep what a device has measured earlier and tells only now; of how it stands it says nothing."""
        state = self._devices[reading.device]
        if state.last_ms is None or reading.mono_ms != state.last_ms:
            self._keep(state.stamp_past(reading))

    def edge(self, edge: Edge) -> None:
        """Keep the change of a bed mat or door as an event; it is committed at once."""
        kind = {"bed_mat": "bed_edge", "door": "door_edge", "nurse_call": "nurse_call"}[edge.role]
        self.event(kind, edge.device, {"active": edge.active, "initial": edge.initial}, edge.mono_ms)

    async def _keep_polling(self, device: _Device) -> None:
        loop, poll_s = asyncio.get_running_loop(), device.schedule.poll_s
        due_s = loop.time()
        while True:
            await self._sleep_until(due_s)
            if self._resting:
                return
            self._on_poll(poll_s)
            await self.poll(device.schedule.driver.device)
            raise_if_cancelled()
            due_s += poll_s
            late_s = loop.time() + 2 * APART_MS / 1000 - due_s
            if late_s > 0:
                # Beats that were missed are not caught up, so that a slow bus is not asked ever faster.
                due_s += math.ceil(late_s / poll_s) * poll_s

    async def _sleep_until(self, due_s: float) -> None:
        """Sleep until the event loop's clock says so, or until the sampler is to rest."""
        if self._resting:
            return
        loop = asyncio.get_running_loop()
        sleeping: asyncio.Future[None] = loop.create_future()
        # Not Event.wait within asyncio.timeout: that costs a cancellation and an exception at every poll.
        self._sleeping.add(sleeping)
        timer = loop.call_at(due_s, _end, sleeping)
        try:
            await sleeping
        finally:
            timer.cancel()
            self._sleeping.discard(sleeping)

    async def _keep_writing(self) -> None:
        loop, last_s = asyncio.get_running_loop(), -math.inf
        while True:
            await self._wake.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(max(last_s + GROUP_S, loop.time() + GATHER_S)):
                    await self._urgent.wait()
            self._wake.clear()
            self._urgent.clear()
            last_s = loop.time()
            if not await self.flush():
                await asyncio.sleep(GROUP_S)
                self._wake.set()

    async def _write(
        self, waiting: deque[_Item], append: Callable[[Sequence[_Item]], Awaitable[object] | object]
    ) -> None:
        """Commit in groups; a record that can never be accepted is dropped alone, not with its neighbours."""
        size = GROUP_ROWS
        while waiting:
            group = [waiting[at] for at in range(min(size, len(waiting)))]
            try:
                result = append(group)
                if inspect.isawaitable(result):
                    await result
            except RecordError as error:
                if len(group) > 1:
                    size = 1
                    continue
                log.error("record_unacceptable error=%r", str(error))
                self.dropped += 1
            for _ in group:
                waiting.popleft()

    def _keep(self, sample: Sample) -> None:
        self._make_room(self._waiting)
        self._waiting.append(sample)
        self._wake.set()
        if len(self._waiting) >= GROUP_ROWS:
            self._urgent.set()

    def _make_room(self, waiting: deque[_Item]) -> None:
        if len(waiting) >= WAITING_MAX and not self._writing.locked():
            waiting.popleft()
            self.dropped += 1

    def _answered(self, state: _Device, mono_ms: int) -> None:
        state.missed, state.missed_by = 0, None
        if state.down:
            state.down = False
            log.info("device_up device=%s", state.schedule.driver.device)
            self.event("device_up", state.schedule.driver.device, {}, mono_ms)

    def _missed(self, state: _Device, missed: MissedPollError) -> None:
        if missed.reason == "resting":
            return
        state.missed_by = missed
        state.missed += 1
        if state.down or state.missed < state.schedule.down_after:
            return
        state.down = True
        name = state.schedule.driver.device
        log.warning("device_down device=%s reason=%s error=%r", name, missed.reason, str(missed))
        data = {"reason": missed.reason, "text": missed.message, "hint": missed.hint}
        self.event("device_down", name, data, self._clock.mono_ms())

    def event(self, kind: str, device: str, data: Mapping[str, str | int | bool], mono_ms: int) -> None:
        """Keep something that happened to a device; it is committed at once."""
        body = EventBody(id=self._random_hex(16), kind=kind, device=device, data=dict(data))
        self._make_room(self._events)
        self._events.append((mono_ms, encode_body(body)))
        self._wake.set()
        self._urgent.set()


def _end(sleeping: asyncio.Future[None]) -> None:
    if not sleeping.done():
        sleeping.set_result(None)


class _Device:
    """What the sampler remembers of a device."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.tracks: dict[str, Track | None] = {}
        self.last_ms: int | None = None
        self.missed = 0
        self.missed_by: MissedPollError | None = None
        self.sample: Sample | None = None
        self.down = False
        self.asking = asyncio.Lock()
        """A person asks in between its rhythm: two answers at once would have one time."""

    def stamp(self, reading: Reading) -> Sample:
        """The reading as a sample: judged for plausibility, its values in the field types of their kind."""
        self.sample = self._stamped(reading, self.tracks)
        self.last_ms = reading.mono_ms
        return self.sample

    def stamp_past(self, reading: Reading) -> Sample:
        """As ``stamp``, of another time: judged by range alone, and no part of what comes next."""
        return self._stamped(reading, {})

    def _stamped(self, reading: Reading, tracks: dict[str, Track | None]) -> Sample:
        driver = self.schedule.driver
        values: list[Value] = []
        quality: list[tuple[int, int]] = []
        for at, name in enumerate(driver.quantities):
            value, code = reading.values.get(name), reading.quality.get(name, Quality.GOOD)
            if value is None or code >= Quality.INVALID:
                values.append(None)
                quality.append((at, int(max(code, Quality.INVALID))))
                continue
            limits = self.schedule.limits.get(name, Limits())
            judged, tracks[name] = judge(limits, tracks.get(name), value, reading.mono_ms)
            whole = KINDS[driver.kind].quantities[name].type == "int"
            values.append(int(value) if whole else float(value))
            if (code := max(code, judged)) is not Quality.GOOD:
                quality.append((at, int(code)))
        return Sample(
            driver.device,
            driver.kind,
            driver.quantities,
            tuple(values),
            tuple(quality),
            reading.mono_ms,
        )
