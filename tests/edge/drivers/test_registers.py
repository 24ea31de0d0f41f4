"""Registers to values and instruments to requests: vectors of real manuals, and properties."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.kinds import KINDS, Quality
from contract.strict_toml import TomlError, loads
from edge.drivers import registers
from edge.drivers.instruments import Instrument, Library, Point, Table
from edge.drivers.registers import Count, Request
from simulator.devices.serial_line import crc16

LIBRARY = Library()

HEAD = 'title = "t"\nsources = ["s"]\nline = "l"\n'


def instrument(text: str) -> Instrument:
    return loads(HEAD + text, Instrument)


def point(quantity="level_m", unit="m", *, table="holding", address=0, type="u16", more=""):  # noqa: A002
    return (
        f'[[point]]\nquantity="{quantity}"\nunit="{unit}"\ntable="{table}"\n'
        f'address={address}\ntype="{type}"\n{more}\n'
    )


def holding(*words: int, at: int = 0) -> dict[tuple[Table, int], int]:
    return {("holding", at + number): word for number, word in enumerate(words)}


def frame(unit: int, request: Request) -> str:
    """The request as RTU bytes, to compare with manuals."""
    function = registers.FUNCTIONS[request.table]
    body = struct.pack(">BBHH", unit, function, request.address, request.count)
    return (body + crc16(body)).hex(" ")


# What manuals print: the request for exactly one quantity, with its unit address and checksum.
MANUALS = [
    ("dfrobot_urm14", "distance_m", 12, "0c 03 00 05 00 01 95 16"),
    ("xm9505_rain", "tips", 1, "01 03 00 00 00 01 84 0a"),
    ("dfrobot_sen0676", "distance_m", 1, "01 03 00 01 00 01 d5 ca"),
    ("dfrobot_sen0676", "level_m", 1, "01 03 00 03 00 01 74 0a"),
]


@pytest.mark.parametrize(("name", "quantity", "unit", "expected"), MANUALS)
def test_requests_are_the_frames_of_the_manual(name: str, quantity: str, unit: int, expected: str):
    (request,) = registers.plan(LIBRARY.load(name), [quantity])
    assert frame(unit, request) == expected


def test_the_level_of_a_qdy30a_alone_is_the_bench_frame():
    point = next(p for p in LIBRARY.load("qdy30a").points if p.quantity == "pressure_kpa")
    assert frame(1, Request(point.table, point.address, 1)) == "01 03 00 04 00 01 c5 cb"


NOTHING = {"distance_m": Quality.INVALID, "level_m": Quality.INVALID}
SITE = {"mounting_height_m": 6.5}

# (instrument, settings, {first register: registers}, values, quality)
ANSWERS = [
    # 2587 tenths of a millimetre, 28.5 °C
    (
        "dfrobot_urm14",
        SITE,
        {5: [2587, 285]},
        {"distance_m": 0.2587, "temperature_c": 28.5, "level_m": 6.2413},
        {},
    ),
    (
        "dfrobot_urm14",
        SITE,
        {5: [10_000, 0xFFF6]},
        {"distance_m": 1.0, "temperature_c": -1.0, "level_m": 5.5},
        {},
    ),
    (
        "dfrobot_urm14",
        SITE,
        {5: [0xFFFF, 285]},
        {"distance_m": None, "temperature_c": 28.5, "level_m": None},
        NOTHING,
    ),
    # The manual's own answer: 01 03 02 02 18 B9 2E = 536
    ("xm9505_rain", {}, {0: [0x0218]}, {"tips": 536, "rain_mm": 53.6}, {}),
    ("qdy30a", {}, {2: [7, 3, 1234]}, {"pressure_kpa": 12.1014061, "level_m": 1.234}, {}),
    (
        "qdy30a",
        {"probe_height_m": -0.5},
        {2: [7, 2, 0xFFFE]},
        {"pressure_kpa": -0.196133, "level_m": -0.52},
        {},
    ),
    ("holykell_hpt200", {}, {3: [7, 2, 345]}, {"level_m": 3.45}, {}),
    ("holykell_hpt200", {}, {3: [7, 77, 345]}, {"level_m": None}, {"level_m": Quality.INVALID}),
]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case[0])
def test_answers_become_the_values_they_mean(case):
    name, settings, answer, values, quality = case
    ((first, words),) = answer.items()
    decoded = registers.decode(LIBRARY.load(name), holding(*words, at=first), settings=settings)
    assert dict(decoded.values) == values
    assert dict(decoded.quality) == quality


def test_a_vegapuls_says_when_its_value_means_nothing():
    vega = LIBRARY.load("vegapuls_c2x")
    words = {**holding(0, at=1999), **holding(*struct.unpack(">HH", struct.pack(">f", 3.21)), at=2001)}
    words |= {**holding(0x4000, 0, at=2302), **holding(8, at=2306)}
    assert dict(registers.decode(vega, words).values) == {
        "level_m": 3.21,
        "distance_m": 2.0,
        "device_status": 8,
    }
    bad = registers.decode(vega, words | holding(0x8001, at=1999))
    assert bad.values["level_m"] is None
    assert bad.quality["level_m"] is Quality.INVALID
    assert bad.values["distance_m"] == 2.0


# 1.0 is 3F 80 00 00: A B C D.
@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("ABCD", (0x3F80, 0x0000)),
        ("CDAB", (0x0000, 0x3F80)),
        ("BADC", (0x803F, 0x0000)),
        ("DCBA", (0x0000, 0x803F)),
    ],
)
def test_word_orders(order: str, words: tuple[int, int]):
    text = point(type="f32", more=f'word_order="{order}"')
    assert registers.decode(instrument(text), holding(*words)).values["level_m"] == 1.0


@given(st.binary(min_size=4, max_size=4), st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]))
def test_every_word_order_is_its_own_inverse_and_none_loses_a_byte(data: bytes, order):
    assert registers.reorder(registers.reorder(data, order), order) == data


def test_floats_that_are_no_numbers_are_no_values():
    text = point(type="f32")
    for words in ((0x7FC0, 0), (0x7F80, 0), (0xFF80, 0)):
        decoded = registers.decode(instrument(text), holding(*words))
        assert decoded.values["level_m"] is None
        assert decoded.quality["level_m"] is Quality.INVALID


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_keeps_its_value(number: float):
    text = point(type="f32")
    words = struct.unpack(">HH", struct.pack(">f", number))
    value = registers.decode(instrument(text), holding(*words)).values["level_m"]
    assert struct.pack(">f", value) == struct.pack(">f", number) or value == number == 0


@given(st.integers(0, 65534), st.sampled_from([0.1, 0.01, 0.001, 0.0001, 0.05, 2.0]))
def test_scaling_adds_no_digits(raw: int, scale: float):
    text = point(more=f"scale={scale}")
    value = registers.decode(instrument(text), holding(raw)).values["level_m"]
    assert math.isclose(value, raw * scale, rel_tol=1e-12, abs_tol=1e-12)
    assert len(repr(value).split(".")[1]) <= 5 or "e-" in repr(value)


def test_what_was_not_answered_is_said_so_and_is_never_zero():
    decoded = registers.decode(LIBRARY.load("dfrobot_sen0676"), holding(1500, at=1))
    assert decoded.values == {"distance_m": 1.5, "level_m": None}
    assert decoded.quality == {"level_m": Quality.NO_ANSWER}


def test_bits_and_inverted_bits():
    panel = LIBRARY.load("discrete_inputs_16")
    words = {("discrete", at): int(at == 2) for at in range(16)}
    plain = registers.decode(panel, words, wanted=["bed_02", "bed_03"])
    assert plain.values == {"bed_02": 0, "bed_03": 1}
    assert registers.decode(panel, words, wanted=["bed_02", "bed_03"], inverted=True).values == {
        "bed_02": 1,
        "bed_03": 0,
    }


def test_a_stranger_is_known_by_its_identity():
    urm14 = LIBRARY.load("dfrobot_urm14")
    assert registers.stranger(urm14, {**holding(2), **holding(0, at=8)}) == ""
    assert "PID is 2 for a URM14" in registers.stranger(urm14, {**holding(5), **holding(0, at=8)})
    assert "bit 2 of the control register" in registers.stranger(urm14, {**holding(2), **holding(4, at=8)})
    assert "is None" in registers.stranger(urm14, {})


# Counters.


def test_a_counter_rolls_over_and_is_reset():
    assert registers.advance(None, 536, 16) == Count(536, 536)
    assert registers.advance(Count(65_530, 65_530), 4, 16) == Count(4, 65_540)
    assert registers.advance(Count(30_000, 30_000), 4, 16) == Count(4, 30_004)
    assert registers.advance(Count(65_530, 65_530), 40_000, 16).total == 105_530


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=50))
def test_a_counter_only_grows(raws: list[int]):
    count = None
    for raw in raws:
        before = count.total if count else 0
        count = registers.advance(count, raw, 16)
        assert count.total >= before


@given(st.integers(0, 65_535), st.lists(st.integers(0, 4000), max_size=50))
def test_a_counter_that_is_never_reset_counts_exactly(start: int, tips: list[int]):
    count, total = registers.advance(None, start, 16), start
    for number in tips:
        total += number
        count = registers.advance(count, total % 65_536, 16)
        assert count.total == total


# Requests.

SPANS = st.sets(st.tuples(st.integers(0, 300), st.integers(1, 2)), min_size=1, max_size=40)


@given(SPANS, st.integers(2, 125), st.integers(0, 20))
def test_a_plan_reads_every_value_whole_and_keeps_its_limits(spans, limit: int, max_gap: int):
    requests = registers.merge("holding", spans, limit=limit, max_gap=max_gap)
    covered = [range(r.address, r.address + r.count) for r in requests]
    for address, width in spans:
        assert any(address in each and address + width - 1 in each for each in covered)
    wanted = {address + at for address, width in spans for at in range(width)}
    for request, each in zip(requests, covered, strict=True):
        assert 1 <= request.count <= limit
        gap = 0
        for address in each:
            gap = 0 if address in wanted else gap + 1
            assert gap <= max_gap


def test_adjacent_registers_are_one_request_and_far_ones_are_not():
    merge = registers.merge
    assert merge("holding", {(0, 1), (1, 1), (2, 2)}, limit=125, max_gap=0) == [Request("holding", 0, 4)]
    assert len(merge("holding", {(0, 1), (2, 1)}, limit=125, max_gap=0)) == 2
    assert merge("holding", {(0, 1), (2, 1)}, limit=125, max_gap=1) == [Request("holding", 0, 3)]


def test_the_protocols_limits():
    quantities = KINDS["river_post"].quantities.values()
    points = "".join(point(each.name, each.unit, address=at * 60) for at, each in enumerate(quantities))
    requests = registers.plan(instrument("max_gap = 120\n" + points))
    assert max(r.count for r in requests) <= registers.MAX_REGISTERS
    assert len(requests) > 1
    bits = registers.merge("discrete", {(at, 1) for at in range(2001)}, limit=registers.MAX_BITS, max_gap=0)
    assert bits == [Request("discrete", 0, 2000), Request("discrete", 2000, 1)]


def test_an_instruments_own_limit_is_kept():
    text = "max_count = 4\n" + LIBRARY_RUN
    assert [r.count for r in registers.plan(instrument(text))] == [4, 4, 1]


LIBRARY_RUN = '[[run]]\ntable = "coil"\naddress = 10\nquantities = [{}]\n'.format(
    ", ".join(f'"bed_{n:02d}"' for n in range(1, 10))
)


# Instrument files.


def test_there_are_the_instruments_that_are_promised():
    names = LIBRARY.names()
    assert {
        "dfrobot_urm14",
        "dfrobot_sen0676",
        "vegapuls_c2x",
        "xm9505_rain",
        "qdy30a",
        "holykell_hpt200",
    } <= set(names)
    for name in names:
        loaded = LIBRARY.load(name)
        assert all(len(source) > 20 for source in loaded.sources)
        assert any(set(loaded.quantities) <= set(kind.quantities) for kind in KINDS.values()), name


TIPS = point("tips", "")
MISTAKES = [
    ("", "an instrument without a point"),
    (point(quantity="level"), "write instead: 'level_m'"),
    (point(unit="cm"), "level_m is in 'm', not in 'cm'; write instead: unit = \"m\""),
    (point(table="discrete"), 'a discrete is no u16; write instead: type = "bit"'),
    (point(type="bit"), "a holding is no bit"),
    (point(type="f64"), "write instead: one of bit, f32"),
    (point(address=65_535, type="f32"), "outside the wire's"),
    ("address_base = 1\n" + point(), "an address from 1"),
    (point("tips", "", type="i16", more="counter = true"), "write instead: u16 or u32"),
    (point() + point(), "quantity 'level_m' is given twice"),
    ('[[run]]\ntable="coil"\naddress=0\nquantities=["bed_01", "bed_01"]', "quantity 'bed_01' is given twice"),
    (TIPS + '[[derived]]\nquantity="rain_mm"\nunit="mm"\nsource="tip"', "write instead: 'tips'"),
    (TIPS + '[[derived]]\nquantity="rain_mm"\nunit="m"\nsource="tips"', "rain_mm is in 'mm'"),
    (
        TIPS + '[[derived]]\nquantity="rain_mm"\nunit="mm"\nsource="tips"\nsetting="h"',
        "no setting is called 'h'",
    ),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_mistakes_of_an_instrument_file(text: str, said: str):
    with pytest.raises(TomlError) as caught:
        instrument(text)
    assert said in str(caught.value)


def test_a_point_is_made_from_each_bit_of_a_run():
    points = instrument(LIBRARY_RUN).points
    assert points[8] == Point(table="coil", address=18, type="bit", quantity="bed_09", unit="")


def test_a_level_is_no_more_plausible_than_the_distance_it_comes_from():
    """In its blind zone the meter says some distance; the level made of it must not look like a flood."""
    urm14 = LIBRARY.load("dfrobot_urm14")
    height = {"mounting_height_m": 6.0}
    distance, level = (urm14.limits(height)[name] for name in ("distance_m", "level_m"))
    assert (level.low, level.high) == (round(6.0 - distance.high, 6), round(6.0 - distance.low, 6))
    decoded = registers.decode(urm14, holding(0, 200, at=5), settings=height, wanted=["level_m"])
    assert decoded.values["level_m"] == 6.0
    assert not level.low <= decoded.values["level_m"] <= level.high
    nearest = registers.decode(
        urm14, holding(round(distance.low * 10_000), 200, at=5), settings=height, wanted=["level_m"]
    )
    assert level.low <= (nearest.values["level_m"] or 0.0) <= level.high, "the nearest good distance is good"
