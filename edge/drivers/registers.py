"""From an instrument's description to requests, and from registers to values. Pure.

Adjacent registers are read in one request, and one value is never read in two: its halves would be of two moments.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from contract.kinds import Quality
from edge.drivers.base import Value
from edge.drivers.instruments import Instrument, Point, Register, Table, WordOrder

MAX_REGISTERS = 125
"""Most registers that one request may ask for (MODBUS Application Protocol V1.1b3, 6.3 and 6.4)."""

MAX_BITS = 2000
"""Most coils or discrete inputs that one request may ask for (6.1 and 6.2)."""

MAX_DECIMALS = 9
"""More decimals than this in a register of an instrument is no number of decimals."""


FUNCTIONS: Mapping[Table, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
"""The reading functions. No other is ever sent."""

Words = Mapping[tuple[Table, int], int]
"""Registers (0..65535) or bits (0, 1) by table and address on the wire. What was not answered is not there."""


@dataclass(frozen=True, slots=True, order=True)
class Request:
    """One read: `address` counts from 0, as on the wire."""

    table: Table
    address: int
    count: int


@dataclass(frozen=True, slots=True)
class Count:
    """A counter as it is kept: the raw count seen last and the total, which only grows."""

    raw: int
    total: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """Values of one instrument: None is no value; a quantity that is not in `quality` is good."""

    values: Mapping[str, Value]
    quality: Mapping[str, Quality]
    counts: Mapping[str, Count]
    """Counters, to be passed next time."""


def wanted_points(instrument: Instrument, wanted: Collection[str]) -> tuple[Point, ...]:
    """The points to read for these quantities (all if empty): sources of derived ones too."""
    if not wanted:
        return instrument.points
    sources = {each.source for each in instrument.derived if each.quantity in wanted}
    return tuple(p for p in instrument.points if p.quantity in wanted or p.quantity in sources)


def plan(instrument: Instrument, wanted: Collection[str] = ()) -> tuple[Request, ...]:
    """The fewest requests that read what is wanted, within the protocol's and the instrument's limits."""
    spans: dict[Table, set[tuple[int, int]]] = {}
    for point in wanted_points(instrument, wanted):
        spans.setdefault(point.table, set()).update(_spans(instrument, point))
    requests = []
    for table in sorted(spans):
        limit = min(instrument.max_count, MAX_BITS if table in ("coil", "discrete") else MAX_REGISTERS)
        requests += merge(table, spans[table], limit=limit, max_gap=instrument.max_gap)
    return tuple(requests)


def merge(table: Table, spans: Iterable[tuple[int, int]], *, limit: int, max_gap: int) -> list[Request]:
    """Requests that cover every (address, width) whole, reading at most `max_gap` unwanted addresses between two."""
    requests: list[Request] = []
    for address, width in sorted(spans):
        last = requests[-1] if requests else None
        if last is not None and address - (last.address + last.count) <= max_gap:
            end = max(last.address + last.count, address + width)
            if end - last.address <= limit:
                requests[-1] = Request(table, last.address, end - last.address)
                continue
        requests.append(Request(table, address, width))
    return requests


def identity_requests(instrument: Instrument) -> tuple[Request, ...]:
    """One request for each identity register, apart from the values: an instrument may lack some."""
    return tuple(Request(i.table, i.address - instrument.address_base, i.width) for i in instrument.identity)


def stranger(instrument: Instrument, words: Words) -> str:
    """What is wrong when this is not the instrument described; "" when it is."""
    for identity in instrument.identity:
        raw = _raw(identity, identity.address - instrument.address_base, words)
        if raw not in identity.one_of:
            expected = " or ".join(str(code) for code in identity.one_of)
            return f"{identity.table} {identity.address} is {raw}, not {expected}: {identity.meaning}"
    return ""


def decode(
    instrument: Instrument,
    words: Words,
    *,
    settings: Mapping[str, float] | None = None,
    wanted: Collection[str] = (),
    inverted: bool = False,
    counts: Mapping[str, Count] | None = None,
) -> Decoded:
    """What the registers say, once; who asks again and again keeps a Decoder."""
    return Decoder(instrument, settings=settings, wanted=wanted, inverted=inverted).decode(words, counts)


class Decoder:
    """What the registers of one instrument mean, worked out once: a poll of it costs little then."""

    def __init__(
        self,
        instrument: Instrument,
        *,
        settings: Mapping[str, float] | None = None,
        wanted: Collection[str] = (),
        inverted: bool = False,
    ) -> None:
        """
        Args:
            wanted: the only quantities to give; empty for all.
            inverted: bits mean the opposite.
        """
        self._points = [_Place(instrument, p, inverted=inverted) for p in wanted_points(instrument, wanted)]
        self._derived = [each for each in instrument.derived if not wanted or each.quantity in wanted]
        self._settings = instrument.settings(settings or {})
        asked = [place.point.quantity for place in self._points]
        # Sources of derived quantities are read, but perhaps not wanted.
        self._unwanted = [name for name in asked if wanted and name not in wanted]

    def decode(self, words: Words, counts: Mapping[str, Count] | None = None) -> Decoded:
        """What the registers say. A point whose registers are not there has quality NO_ANSWER and no value."""
        values: dict[str, Value] = {}
        quality: dict[str, Quality] = {}
        kept = dict(counts or {})
        for place in self._points:
            point = place.point
            value, code = place.value(words)
            if point.counter and value is not None:
                count = advance(kept.get(point.quantity), int(value), point.width * 16)
                kept[point.quantity] = count
                value = count.total
            values[point.quantity] = value
            if code is not Quality.GOOD:
                quality[point.quantity] = code
        for each in self._derived:
            source = values[each.source]
            values[each.quantity] = None if source is None else each.of(float(source), self._settings)
            if each.source in quality:
                quality[each.quantity] = quality[each.source]
        for name in self._unwanted:
            del values[name]
            quality.pop(name, None)
        return Decoded(values, quality, kept)


def advance(count: Count | None, raw: int, bits: int) -> Count:
    """The next state of a counter of so many bits.

    A count that falls has rolled over when it was within a sixteenth of its end and is within a sixteenth of its
    start; otherwise the instrument was reset and has counted `raw` since. The total starts at the raw count, so
    that it is the instrument's own number until one of the two happens.
    """
    if count is None:
        return Count(raw, raw)
    if raw >= count.raw:
        return Count(raw, count.total + raw - count.raw)
    modulus = 1 << bits
    rolled_over = count.raw >= modulus - modulus // 16 and raw < modulus // 16
    return Count(raw, count.total + raw + (modulus - count.raw if rolled_over else 0))


def _spans(instrument: Instrument, point: Point) -> set[tuple[int, int]]:
    base = instrument.address_base
    spans = {(point.address - base, point.width)}
    if point.decimals_at is not None:
        spans.add((point.decimals_at - base, 1))
    if point.invalid_bits is not None:
        spans.add((point.invalid_bits.address - base, 1))
    return spans


class _Place:
    """Where a point's number stands, and what it means."""

    __slots__ = (
        "_base",
        "_decimals_at",
        "_digits",
        "_invalid",
        "_inverted",
        "_keys",
        "_plain",
        "_status",
        "point",
    )

    def __init__(self, instrument: Instrument, point: Point, *, inverted: bool) -> None:
        base, table = instrument.address_base, point.table
        self.point = point
        self._base = base
        self._keys = [
            (table, address + at) for address, width in _spans(instrument, point) for at in range(width)
        ]
        status = point.invalid_bits
        self._status = None if status is None else ((table, status.address - base), status.mask)
        self._decimals_at = None if point.decimals_at is None else (table, point.decimals_at - base)
        self._digits = max(_decimals(point.scale), _decimals(point.offset))
        self._plain = point.scale == 1 and point.offset == 0
        self._invalid = frozenset(point.invalid)
        self._inverted = inverted

    def value(self, words: Words) -> tuple[Value, Quality]:
        """The value in its unit, or why there is none."""
        point = self.point
        for key in self._keys:
            if key not in words:
                return None, Quality.NO_ANSWER
        raw, unsigned = _number(point, point.address - self._base, words)
        if point.type == "bit":
            return int(bool(raw) != self._inverted), Quality.GOOD
        if self._status is not None and words[self._status[0]] & self._status[1]:
            return None, Quality.INVALID
        if unsigned in self._invalid or not math.isfinite(raw):
            return None, Quality.INVALID
        decimals = 0 if self._decimals_at is None else words[self._decimals_at]
        if decimals > MAX_DECIMALS:
            return None, Quality.INVALID
        return self._scaled(raw, decimals), Quality.GOOD

    def _scaled(self, raw: float, decimals: int) -> Value:
        """The value in its unit, without digits that the instrument never gave."""
        point = self.point
        if point.counter or (self._plain and decimals == 0):
            return raw
        value: float = raw * point.scale / 10**decimals + point.offset
        if point.type == "f32":
            return float(f"{value:.9g}")
        return round(value, decimals + self._digits)


def _decimals(number: float) -> int:
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def reorder(wire: bytes, order: WordOrder) -> bytes:
    """Bytes as they came over the wire into big-endian order. Of a single register only its bytes may be swapped."""
    if len(wire) == 2:
        return wire[::-1] if order in ("BADC", "DCBA") else wire
    return bytes(wire[order.index(letter)] for letter in "ABCD")


_FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "f32": ">f"}


def _raw(register: Register, address: int, words: Words) -> int | float | None:
    """The number in a register; None where one of its words is missing."""
    if any((register.table, address + at) not in words for at in range(register.width)):
        return None
    return _number(register, address, words)[0]


def _number(register: Register, address: int, words: Words) -> tuple[int | float, int]:
    """The number in a register, all of whose words are there, and the same bits as an unsigned one."""
    first = words[register.table, address]
    if register.type == "bit":
        return first, first
    wire = first.to_bytes(2, "big")
    if register.width == 2:
        wire += words[register.table, address + 1].to_bytes(2, "big")
    data = reorder(wire, register.word_order)
    number: int | float = struct.unpack(_FORMATS[register.type], data)[0]
    return _shortest(number) if isinstance(number, float) else number, int.from_bytes(data, "big")


def _shortest(number: float) -> float:
    """A 32-bit float as the shortest decimal that means it: 1.23, not 1.2300000190734863."""
    if not math.isfinite(number):
        return number
    for digits in (6, 7, 8):
        short = float(f"{number:.{digits}g}")
        if struct.pack(">f", short) == struct.pack(">f", number):
            return short
    return number
