"""What the benchmarks are made of, without measuring anything."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from itertools import pairwise
from types import SimpleNamespace

import pytest

from benchmarks import ceiling, mqtt, plot, table
from benchmarks.aims import AIMS, Aim
from benchmarks.cli import main, merge
from benchmarks.frames import Sender, frames, payloads
from benchmarks.load import quantile
from benchmarks.parts import Part
from benchmarks.shape import FRAMES_100, SHAPES
from contract import codec
from hub.series.lines import encode

POST = Sender("gw-pos", 1, "pos", ("duga-air", "river_post"))
PANEL = Sender("gw-rsud", 2, "rsud", None)
STREAM = {"epoch": "0" * 16, "start_ms": 1_790_000_000_000}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("sender", [POST, PANEL], ids=["post", "panel"])
def test_frames_are_good_and_no_record_of_a_device_is_twice_at_one_time(sender, shape):
    made = [
        codec.decode_frame("telemetry", one) for one in payloads(sender, shape, 2 * shape.groups, **STREAM)
    ]
    assert [frame.first for frame in made] == [1 + at * shape.records for at in range(len(made))]
    values = {sum(map(len, frame.rows)) - 2 * frame.n for frame in made}
    assert values == {shape.values}
    lines = [line for frame in made for line in encode(frame, sender.site)]
    assert len({(line.split(b" ")[0], line.split(b" ")[2]) for line in lines}) == len(lines)


def test_a_river_post_is_in_each_frame_of_its_gateway_and_only_there():
    devices = {column.device for frame in frames(POST, FRAMES_100, 3, **STREAM) for column in frame.devices}
    assert "duga-air" in devices
    assert all(
        column.device != "duga-air"
        for frame in frames(PANEL, FRAMES_100, 3, **STREAM)
        for column in frame.devices
    )


def test_requests_of_the_ceiling_have_their_lines_once():
    """Alike: those of the frames. Spread: each series once, as far as there are enough."""
    senders = [Sender(f"gw-{at:02d}", at, "site", None) for at in range(16)]
    for bodies in (ceiling.alike, ceiling.spread):
        ready = bodies(senders, FRAMES_100, 20_000, **STREAM)
        assert [body.count(b"\n") + 1 for body in ready] == [ceiling.LINES] * 4
        points = [(line.split(b" ")[0], line.split(b" ")[2]) for body in ready for line in body.split(b"\n")]
        assert len(set(points)) == 20_000
    assert len({series for series, _ in points[: ceiling.LINES]}) == 16 * 310


def test_packets_come_out_whole_however_they_came_in():
    payload = b"x" * 300
    stream = mqtt.publish("a/b", payload, 7) + mqtt.puback(9) + mqtt.publish("c", b"", 300) + mqtt.PINGREQ
    found, buffer = [], bytearray()
    for byte in stream:
        buffer.append(byte)
        found += mqtt.packets(buffer)
    assert not buffer
    assert [first for first, _ in found] == [0x32, 0x40, 0x32, 0xC0]
    assert mqtt.received(*found[0]) == (7, payload)
    assert mqtt.received(*found[2]) == (300, b"")
    with pytest.raises(ValueError, match="QoS"):
        mqtt.received(0x30, found[0][1])


def test_a_quantile_is_one_of_the_values():
    values = [float(one) for one in range(1, 101)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)) == (50.0, 99.0, 100.0)
    assert quantile([3.0], 0.99) == 3.0
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


RESULTS = {
    "ingest": {"ceiling_per_s": 400_000, "path_wide_per_s": 500_000, "ratio": 0.8},
    "hub": {"rss_mb": 99.5},
}


def test_an_aim_is_reached_missed_or_cannot_be_told():
    wide = next(aim for aim in AIMS if aim.path == "ingest.path_wide_per_s")
    assert wide.wanted(RESULTS) == 520_000
    assert wide.reached(RESULTS) is False
    assert Aim("ingest.ratio", "", "", ">=", 0.75).reached(RESULTS) is True
    assert Aim("hub.rss_mb", "", "MB").reached(RESULTS) is None
    assert Aim("hub.start_s", "", "s", "<", 1).reached(RESULTS) is None
    assert len({aim.path for aim in AIMS}) == len(AIMS)


def test_the_table_shows_what_was_measured_with_its_aim():
    rows = table.render(RESULTS, AIMS).splitlines()
    assert len(rows) == 2 + 4
    assert "| 500,000 | values/s | >= 520,000 | NOT REACHED |" in " ".join(rows[4].split())
    assert all(len(one) == len(other) for one, other in pairwise(rows))


def test_the_plot_has_a_bar_for_each_figure_and_a_line_for_each_aim():
    drawn = ET.fromstring(plot.render(RESULTS))
    bars = [one for one in drawn.iter() if one.get("class") in ("bar", "limit")]
    assert len(bars) == 2
    assert len([one for one in drawn.iter() if one.get("class") == "aim"]) == 1
    widths = [float(one.get("width")) for one in bars]
    assert widths[0] / widths[1] == pytest.approx(400 / 500, rel=0.01)
    assert "<line" not in plot.render({"ingest": {"ceiling_per_s": 1}})


def test_pieces_of_parts_are_put_together():
    results = {"hub": {"rss_mb": 1}, "edge": {"rss_mb": 2}}
    merge(results, {"hub": {"start_s": 3}, "edge": {"rss_mb": 4}, "peers": {}})
    assert results == {"hub": {"rss_mb": 1, "start_s": 3}, "edge": {"rss_mb": 4}, "peers": {}}


def test_a_part_that_fails_takes_nothing_from_the_others_and_is_told(tmp_path, monkeypatch, capsys):
    async def good(folder, *, quick):
        return {"figure": 7}

    async def bad(folder, *, quick):
        raise ValueError("amiss")

    parts = {"first": good, "bad": bad, "last": good}
    monkeypatch.setattr("benchmarks.parts.import_module", lambda name: SimpleNamespace(measure=parts[name]))
    monkeypatch.setattr("benchmarks.cli.PARTS", {name: Part(name, name, under=name) for name in parts})
    assert main(["--home", str(tmp_path)]) == 1
    assert json.loads((tmp_path / "bench.json").read_text()) == {
        "first": {"figure": 7},
        "last": {"figure": 7},
    }
    said = capsys.readouterr()
    assert "amiss" in said.err
    assert "not measured, for what is said above: bad" in said.out
    assert main(["--home", str(tmp_path), "last"]) == 0
