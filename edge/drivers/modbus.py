"""Modbus over TCP and RS-485: one client and one lock for each bus, and a dead unit that costs the others little.

Only the reading functions 1 to 4 are ever sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contract.kinds import Quality
from edge.clock import Clock
from edge.config import RtuBus, TcpBus
from edge.drivers import registers
from edge.drivers.base import MissedPollError, Reading, Value
from edge.drivers.instruments import Instrument, Table
from edge.drivers.line import Answer, BrokenLineError, Line
from edge.drivers.registers import Count, Request

CONNECT_S = 3.0
RECONNECT_FIRST_S = 0.5
RECONNECT_LONGEST_S = 10.0

REST_FACTOR = 2
"""A unit that did not answer rests for this many timeouts, then for twice as long each time. A serial answer that
comes late finds nobody waiting for that unit, and so is never taken for the answer to another request."""

TRIAL_SHARE = 20
"""A trial of all dead units together takes at most one part in this many of a bus's time."""

REST_LONGEST_S = 60.0

SILENT_ON_TCP = 3
"""Timeouts in a row, of whatever units, after which a TCP connection is made anew."""

EXCEPTIONS: Mapping[int, str] = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}


@dataclass(slots=True)
class Rest:
    """How a silent unit is left alone."""

    failures: int = 0
    until_ms: int = 0


def rest_ms(failures: int, timeout_ms: int, silent_units: int) -> int:
    """How long a unit rests after so many failures in a row. Pure.

    Args:
        silent_units: units of the bus that do not answer now, this one too.
    """
    growing = REST_FACTOR * timeout_ms * 2 ** min(failures - 1, 16)
    return int(min(growing, TRIAL_SHARE * timeout_ms * silent_units, REST_LONGEST_S * 1000))


class Bus:
    """One Modbus line. Opened by its first request and again after a failure; closed by ``close``."""

    def __init__(self, settings: TcpBus | RtuBus, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._line: Line | None = None
        self._rests: dict[int, Rest] = {}
        self._failed_connects = 0
        self._retry_ms = 0
        self._silent = 0
        self._generation = 0

    @property
    def generation(self) -> int:
        """Which connection is open now; 0 when none is. What was known of a unit may be of another one in the next."""
        return self._generation if self._line is not None and self._line.connected else 0

    async def read(self, unit: int, request: Request) -> tuple[int, ...]:
        """The registers or bits of one request.

        Raises:
            MissedPollError: ``bus_down``, ``no_answer``, ``garbage``, ``exception``, or ``resting``.
        """
        self._check_rest(unit)
        async with self._lock:
            # Another device may have found the unit silent while this one waited for the line.
            self._check_rest(unit)
            line = await self._connected()
            try:
                values = await self._ask(line, unit, request)
            finally:
                if self._settings.gap_ms:
                    await asyncio.sleep(self._settings.gap_ms / 1000)
        return values

    def close(self) -> None:
        """Close the line; idempotent. The next request opens it again."""
        if self._line is not None:
            self._line.close()
        self._line = None

    def restart(self) -> None:
        """Forget who was silent and open the line anew at the next request."""
        self.close()
        self._rests.clear()
        self._retry_ms = self._failed_connects = 0

    async def _ask(self, line: Line, unit: int, request: Request) -> tuple[int, ...]:
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                answer = await line.ask(unit, request)
        except TimeoutError:
            raise self._unanswered(unit, request, heard=line.heard) from None
        except (BrokenLineError, OSError) as error:
            self.close()
            if line.heard:
                raise self._unanswered(unit, request, heard=True) from error
            raise MissedPollError(
                "bus_down", f"bus {self._settings.name} broke: {error}", "look at the cable and the converter"
            ) from error
        self._silent = 0
        self._rests.pop(unit, None)
        if answer.exception:
            text = EXCEPTIONS.get(answer.exception, "unknown exception")
            what = f"{request.count} {request.table} at {request.address}"
            raise MissedPollError(
                "exception",
                f"unit {unit} refuses {what}: {answer.exception}, {text}",
                "compare the instrument file with the manual of this unit",
            )
        return self._values(answer, unit, request)

    def _values(self, answer: Answer, unit: int, request: Request) -> tuple[int, ...]:
        bits = request.table in ("coil", "discrete")
        # Bits come in whole bytes; registers as many as asked.
        wanted = (request.count + 7) // 8 * 8 if bits else request.count
        if answer.function != registers.FUNCTIONS[request.table] or len(answer.values) != wanted:
            raise MissedPollError(
                "garbage",
                f"unit {unit} answered function {answer.function} with {len(answer.values)} values",
                "look for two units with one address, and at the line's termination",
            )
        return answer.values[: request.count]

    def _unanswered(self, unit: int, request: Request, *, heard: bool) -> MissedPollError:
        """Note that a unit was silent, or that what came from it was no answer."""
        rest = self._rests.setdefault(unit, Rest())
        rest.failures += 1
        pause_ms = rest_ms(rest.failures, self._settings.timeout_ms, len(self._rests))
        rest.until_ms = self._clock.mono_ms() + pause_ms
        self._silent += 1
        if isinstance(self._settings, TcpBus) and (heard or self._silent >= SILENT_ON_TCP):
            # Bytes of no answer may still be on their way, and a dead host looks like a silent unit.
            self._silent = 0
            self.close()
        what = f"{request.count} {request.table} at {request.address}"
        if heard:
            return MissedPollError(
                "garbage",
                f"unit {unit} sent bytes that are no answer to {what}",
                "look for two units with one address, the speed and parity, and the line's termination",
            )
        return MissedPollError(
            "no_answer",
            f"unit {unit} did not answer {what} within {self._settings.timeout_ms} ms",
            "look at its power, its address, the speed and parity, and whether A and B are swapped",
        )

    def _check_rest(self, unit: int) -> None:
        rest = self._rests.get(unit)
        if rest is not None and self._clock.mono_ms() < rest.until_ms:
            raise MissedPollError("resting", f"unit {unit} is left alone after {rest.failures} silences")

    async def _connected(self) -> Line:
        if self._line is not None and self._line.connected:
            return self._line
        self.close()
        if self._clock.mono_ms() < self._retry_ms:
            raise self._bus_down()
        line = Line(self._settings)
        try:
            async with asyncio.timeout(CONNECT_S):
                await line.connect()
        except (TimeoutError, OSError, BrokenLineError):
            line.close()
            pause_s = min(RECONNECT_LONGEST_S, RECONNECT_FIRST_S * 2 ** min(self._failed_connects, 16))
            self._failed_connects += 1
            self._retry_ms = self._clock.mono_ms() + int(pause_s * 1000)
            raise self._bus_down() from None
        self._failed_connects = 0
        self._generation += 1
        self._line = line
        return line

    def _bus_down(self) -> MissedPollError:
        place = self._settings.host if isinstance(self._settings, TcpBus) else self._settings.device
        return MissedPollError(
            "bus_down",
            f"bus {self._settings.name} cannot be opened at {place}",
            "look at the converter, its address, and the rights on the port",
        )


@dataclass(frozen=True)
class Source:
    """An instrument of a device: where it is and what is wanted of it."""

    bus: Bus
    unit: int
    instrument: Instrument
    settings: Mapping[str, float]
    wanted: tuple[str, ...] = ()
    inverted: bool = False


class ModbusDriver:
    """A device of one or more Modbus instruments, polled as one."""

    def __init__(self, device: str, kind: str, sources: Sequence[Source], *, clock: Clock) -> None:
        self.device = device
        self.kind = kind
        self._parts = [_Part(source) for source in sources]
        self._clock = clock
        self.quantities = tuple(name for part in self._parts for name in part.quantities)

    async def poll(self) -> Reading:
        """Ask each instrument. One that is missed leaves its quantities without a value.

        Raises:
            MissedPollError: none of them gave anything.
        """
        values: dict[str, Value] = {}
        quality: dict[str, Quality] = {}
        missed: list[MissedPollError] = []
        for part in self._parts:
            try:
                decoded = await part.read()
            except MissedPollError as error:
                missed.append(error)
                values.update(dict.fromkeys(part.quantities))
                quality.update(dict.fromkeys(part.quantities, Quality.NO_ANSWER))
            else:
                values.update(decoded.values)
                quality.update(decoded.quality)
        if len(missed) == len(self._parts):
            # A unit that was asked says more than one that rests.
            raise next((error for error in missed if error.reason != "resting"), missed[0])
        return Reading(self.device, values, self._clock.mono_ms(), quality)


class _Part:
    """One instrument with what is remembered of it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        instrument = source.instrument
        self.quantities = tuple(q for q in instrument.quantities if not source.wanted or q in source.wanted)
        self._wanted = frozenset(self.quantities)
        self._requests = registers.plan(instrument, self._wanted)
        self._identity = registers.identity_requests(instrument)
        self._known_in = 0
        self._decoder = registers.Decoder(
            instrument, settings=source.settings, wanted=self._wanted, inverted=source.inverted
        )
        self._counts: Mapping[str, Count] = {}

    async def read(self) -> registers.Decoded:
        try:
            await self._identify()
            words = await self._read(self._requests)
        except MissedPollError as error:
            if error.reason != "resting":
                self._known_in = 0
            raise
        decoded = self._decoder.decode(words, self._counts)
        self._counts = decoded.counts
        return decoded

    async def _identify(self) -> None:
        """Make sure, once a connection and after each silence, that the right instrument answers."""
        bus = self._source.bus
        if not self._identity or (self._known_in and self._known_in == bus.generation):
            return
        problem = registers.stranger(self._source.instrument, await self._read(self._identity))
        if problem:
            raise MissedPollError(
                "identity", f"unit {self._source.unit}: {problem}", "check address and wiring"
            )
        self._known_in = bus.generation

    async def _read(self, requests: Sequence[Request]) -> registers.Words:
        """What the requests say. One refused by an exception leaves its registers out; a silence ends it all."""
        words: dict[tuple[Table, int], int] = {}
        refused: MissedPollError | None = None
        for request in requests:
            try:
                values = await self._source.bus.read(self._source.unit, request)
            except MissedPollError as error:
                if error.reason != "exception":
                    raise
                refused = error
            else:
                words.update(
                    {(request.table, request.address + at): value for at, value in enumerate(values)}
                )
        if refused is not None and not words:
            raise refused
        return words
