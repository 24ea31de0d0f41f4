"""Telemetry frames to line protocol: what a plain reading of the line gives back, and that no name breaks out."""

from __future__ import annotations

import math
import re
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import codec
from contract.kinds import KINDS
from contract.messages import DeviceColumn, TelemetryFrame
from hub.series import lines
from hub.series.table import escape

BOOT = "0f0f0f0f"
BASE_MS = 1_790_000_000_000


def frame(devices, rows, *, gateway="gw-pos-hulu", base_ms=BASE_MS, **more) -> TelemetryFrame:
    """A frame as it comes off the wire: encoded and decoded."""
    made = TelemetryFrame(
        version=1,
        gateway=gateway,
        epoch="0" * 16,
        boot=BOOT,
        first=1,
        n=len(rows),
        base_ms=base_ms,
        floor=1,
        devices=tuple(DeviceColumn(*device) for device in devices),
        rows=tuple(rows),
        **more,
    )
    return cast(TelemetryFrame, codec.decode_frame("telemetry", codec.encode(made)))


def encode(made: TelemetryFrame, site: str) -> list[bytes]:
    """The frame's lines; those in one piece, where it has them, are the same."""
    found = lines.encode(made, site)
    whole = lines.encode_whole(made, site)
    assert whole is None or whole.split(b"\n") == found
    return found


def test_a_usual_frame_is_written_in_one_piece_and_one_with_something_to_tell_is_not():
    devices = [("a", "river_post", ("level_m", "tips")), ("b", "weather", ("wind_m_s", "device_status"))]
    usual = frame(devices, [(0, 0, 1.25, 7), (1, 0, 2, 0), (0, 10, 1e-7, -(2**63))])
    assert lines.encode_whole(usual, "s") == b"\n".join(lines.encode(usual, "s"))
    for change in ({"quality": ((0, 0, 1),)}, {"time_error": ((0, 2000),)}, {"base_ms": -1}):
        assert lines.encode_whole(frame(devices, [(0, 0, 1.25, 7)], **change), "s") is None
    assert lines.encode_whole(frame(devices, [(0, 0, None, 7)]), "s") is None
    uneven = [*devices, ("c", "door_contact", ("open",))]
    assert lines.encode_whole(frame(uneven, [(0, 0, 1.25, 7)]), "s") is None


def read(line: bytes) -> tuple[str, dict[str, str], dict[str, float], int]:
    """Line protocol by its grammar, written apart from the encoder: measurement, tags, fields, time."""
    text = line.decode()
    parts = re.split(r"(?<!\\) ", text)
    assert len(parts) == 3, text
    series, fields, ns = parts
    measurement, *tags = re.split(r"(?<!\\),", series)
    unescape = lambda word: re.sub(r"\\([, =])", r"\1", word)  # noqa: E731
    pairs = [re.split(r"(?<!\\)=", tag) for tag in tags]
    assert all(len(pair) == 2 and all(pair) for pair in pairs), text
    values = {}
    for field in fields.split(","):
        name, value = field.split("=")
        values[name] = int(value[:-1]) if value.endswith("i") else float(value)
    return unescape(measurement), {unescape(k): unescape(v) for k, v in pairs}, values, int(ns)


def test_a_record_is_one_line_of_its_kind_with_a_field_a_quantity():
    found = encode(
        frame([("duga-air", "river_post", ("level_m", "tips", "battery_v"))], [(0, 250, 1.25, 7, 12.5)]),
        "pos-hulu",
    )
    assert [read(line) for line in found] == [
        (
            "river_post",
            {"device": "duga-air", "gateway": "gw-pos-hulu", "site": "pos-hulu"},
            {"level_m": 1.25, "tips": 7, "battery_v": 12.5},
            codec.point_ns(BASE_MS + 250, BOOT),
        )
    ]
    assert b"tips=7i," in found[0]


def test_the_type_of_a_field_is_its_quantitys_not_its_values():
    """A level of exactly 2 comes as a JSON integer and must stay a float; a count never loses its i."""
    (line,) = encode(frame([("d", "river_post", ("level_m", "tips"))], [(0, 0, 2, 0)]), "s")
    assert re.search(rb" level_m=2(\.0)?,tips=0i ", line)


def test_an_absent_value_is_no_field_and_its_quality_is_one():
    found = encode(
        frame(
            [("d", "river_post", ("level_m", "rain_mm"))],
            [(0, 0, None, 0.5), (0, 10, None, None), (0, 20, 1.5, 0.5), (0, 30, None, None)],
            quality=((0, 0, 4), (1, 0, 5), (1, 1, 5), (2, 1, 2)),
            time_error=((2, 86_400_000),),
        ),
        "s",
    )
    assert read(found[0])[2] == {"rain_mm": 0.5, "level_m_q": 4}
    assert read(found[1])[2] == {"level_m_q": 5, "rain_mm_q": 5}
    assert read(found[2])[2] == {"level_m": 1.5, "rain_mm": 0.5, "rain_mm_q": 2, "time_error_ms": 86_400_000}
    assert b"level_m_q=4i" in found[0]
    assert b"time_error_ms=86400000i" in found[2]
    assert found[3] == b"", "InfluxDB knows no line without fields"


def test_rows_of_an_unknown_kind_or_quantity_have_no_line_and_their_neighbours_do():
    found = encode(
        frame(
            [
                ("a", "toaster", ("level_m",)),
                ("b", "river_post", ("browning",)),
                ("c", "river_post", ("level_m",)),
            ],
            [(0, 0, 1.0), (1, 0, 1.0), (2, 0, 1.0)],
            quality=((0, 0, 1),),
        ),
        "s",
    )
    assert found[:2] == [b"", b""]
    assert read(found[2])[1]["device"] == "c"


def test_the_remainder_of_the_time_tells_the_boot_and_differences_stay_whole_milliseconds():
    times = [
        read(line)[3]
        for line in encode(frame([("d", "door_contact", ("open",))], [(0, 0, 1), (0, 7, 0)]), "s")
    ]
    assert times[1] - times[0] == 7_000_000
    early = encode(frame([("d", "door_contact", ("open",))], [(0, -5, 1)], base_ms=0), "s")
    assert read(early[0])[3] == codec.point_ns(-5, BOOT), "a clock in 1969 is written as it is"


BREAKOUTS = [
    "a b",
    "a,b",
    "a=b",
    "a\\",
    "a\\ b",
    "a\\,b",
    "a\nriver_post,device=x level_m=9",
    "x level_m=9.0 1\nriver_post,device=y",
    "a,site=elsewhere",
    " level_m=9",
    "#comment",
    '"quoted"',
    "a\r\nb",
    "a\x00b",
    "100%",
    "%0A",
    "pos duga ✓ 水位",
    "\\\\",
    "=",
    ",",
    "a\u2028b",
]
"""Names that try to be more than a name."""


@pytest.mark.parametrize("name", BREAKOUTS)
@pytest.mark.parametrize("where", ["device", "site"])
def test_no_name_breaks_out_of_its_tag(name, where):
    device, site = (name, "s") if where == "device" else ("d", name)
    found = encode(frame([(device, "river_post", ("level_m",))], [(0, 0, 1.5)]), site)
    assert len(found) == 1
    assert b"\n" not in found[0]
    measurement, tags, fields, _ = read(found[0])
    assert measurement == "river_post"
    assert fields == {"level_m": 1.5}
    assert set(tags) == {"device", "gateway", "site"}
    assert tags[where] == re.sub(r"[\x00-\x1f\x7f\\%]", lambda c: f"%{ord(c[0]):02X}", name)


def test_two_names_stay_two():
    assert len({escape(name) for name in BREAKOUTS}) == len(BREAKOUTS)


_number = st.one_of(
    st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63 - 1)
)


@given(data=st.data())
def test_every_value_is_read_back_as_it_was(data):
    """Any mixture of kinds, absent values and numbers: as many lines as rows, each with exactly its values."""
    kinds = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3))
    devices, ints = [], []
    for at, kind in enumerate(kinds):
        known = KINDS[kind].quantities
        names = data.draw(st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=5, unique=True))
        devices.append((f"d{at}", kind, tuple(names)))
        ints.append([known[name].type == "int" for name in names])
    rows = []
    for _ in range(data.draw(st.integers(1, 6))):
        alias = data.draw(st.integers(0, len(devices) - 1))
        values = [
            data.draw(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)) if whole else _number)
            for whole in ints[alias]
        ]
        rows.append((alias, data.draw(st.integers(-(10**6), 10**6)), *values))
    found = encode(frame(devices, rows), "s")
    assert len(found) == len(rows)
    for (alias, offset, *values), line in zip(rows, found, strict=True):
        wanted = {name: v for name, v in zip(devices[alias][2], values, strict=True) if v is not None}
        if not wanted:
            assert line == b""
            continue
        measurement, tags, fields, ns = read(line)
        assert (measurement, tags["device"]) == (devices[alias][1], f"d{alias}")
        assert ns == codec.point_ns(BASE_MS + offset, BOOT)
        assert fields.keys() == wanted.keys()
        assert all(math.isfinite(value) for value in fields.values())
        for name, value in wanted.items():
            whole = ints[alias][devices[alias][2].index(name)]
            assert fields[name] == (value if whole else float(value)), name
