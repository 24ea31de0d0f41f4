"""Golden vectors: the bytes that version 1 writes and reads. A change here is a change of the protocol."""

import json
from pathlib import Path

import pytest

from contract import codec, messages
from contract.topics import LANES

VECTORS = json.loads((Path(__file__).parent / "vectors" / "messages.json").read_text())


def read(kind, data):
    if kind in LANES:
        return codec.decode_frame(kind, data)
    return codec.decode(getattr(messages, kind), data)


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_is_read_and_written_to_the_byte(name):
    data = VECTORS[name]["bytes"].encode()
    assert codec.encode(read(VECTORS[name]["as"], data)) == data


def test_a_changed_vector_is_seen():
    data = VECTORS["beat"]["bytes"].replace('"floor":700', '"floor":701').encode()
    assert codec.encode(read("Beat", data)) != VECTORS["beat"]["bytes"].encode()


def test_the_frame_means_what_a_person_reads_in_it():
    frame = read("telemetry", VECTORS["telemetry_frame"]["bytes"].encode())
    assert frame.last == 43
    assert [column.device for column in frame.devices] == ["duga-air", "panel-1"]
    assert frame.rows[0] == (0, 0, 1.52, 0.2, 12.6)
    assert frame.rows[2][2] is None, "a value that the instrument did not have is absent"
    assert frame.quality == ((2, 0, 4),)
    times = [frame.base_ms + row[1] for row in frame.rows]
    assert [codec.point_ns(t, frame.boot) for t in times] == VECTORS["telemetry_frame"]["points_ns"]


def test_a_panic_may_come_without_a_time():
    frame = read("panic", VECTORS["panic_without_time"]["bytes"].encode())
    assert frame.base_ms is None
    assert frame.age_ms == 3400
    assert codec.decode_body(bytes(frame.events[0].body)).kind == "panic_press"
