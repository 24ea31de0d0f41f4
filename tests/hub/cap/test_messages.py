"""What we write is CAP 1.2 by its schema, and a foreign parser reads in it what we meant."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from hypothesis import given, settings

from hub.cap.model import Area, CapError, Circle, clean, written
from hub.cap.write import write
from tests.hub.cap.messages import SENT, alert, alerts, faults, info, read

TRIANGLE = ((-6.9, 107.6), (-6.91, 107.6), (-6.91, 107.61), (-6.9, 107.6))


@given(alerts())
@settings(max_examples=60, deadline=None)
def test_whatever_we_take_is_valid_by_the_schema_and_is_read_as_it_was_meant(message):
    document = write(message)
    assert faults(document) == []
    found = read(document)
    assert (found.identifier, found.sender, found.status.value) == (
        message.identifier,
        message.sender,
        message.status,
    )
    assert found.sent.to_datetime() == message.sent.replace(microsecond=0)
    assert [one.language for one in found.infos] == [one.language for one in message.infos]
    for theirs, ours in zip(found.infos, message.infos, strict=True):
        assert _plain(theirs.headline) == _plain(clean(ours.headline))
        assert _plain(theirs.description or "") == _plain(clean(ours.description))
        assert theirs.expires.to_datetime() == ours.expires.replace(microsecond=0)
        assert [len(area.polygons) for area in theirs.areas] == [len(area.polygons) for area in ours.areas]
        for their_area, our_area in zip(theirs.areas, ours.areas, strict=True):
            for text, ring in zip(their_area.polygons, our_area.polygons, strict=True):
                points = [tuple(map(float, pair.split(","))) for pair in text.split()]
                assert points == [pytest.approx(point, abs=1e-6) for point in ring]
                assert points[0] == points[-1]


def _plain(text):
    """White space is XML's and the parser's affair."""
    return " ".join(text.split())


def test_the_schema_is_no_rubber_stamp():
    document = write(alert())
    assert faults(document) == []
    assert faults(document.replace(b"<status>Actual<", b"<status>Really<"))
    assert faults(document.replace(b"+07:00</sent>", b"Z</sent>"))
    swapped = document.replace(b"<language>id</language><category>Security</category>", b"<category>Security")
    assert faults(
        swapped.replace(b"<category>Security", b"<category>Security</category><language>id</language>", 1)
    )


def test_both_languages_polygons_and_circles_are_in_it():
    area = Area("Kelurahan Contoh", (TRIANGLE, TRIANGLE), (Circle((-6.9, 107.6), 0.5),))
    document = write(alert(infos=(info(areas=(area,)), info(language="en", areas=(area,)))))
    assert faults(document) == []
    first, second = read(document).infos
    assert (first.language, second.language) == ("id", "en")
    assert len(first.areas[0].polygons) == 2
    assert first.areas[0].polygons[0] == "-6.9,107.6 -6.91,107.6 -6.91,107.61 -6.9,107.6"
    assert first.areas[0].circles == ["-6.9,107.6 0.5"]


def test_a_restricted_message_says_for_whom():
    document = write(alert(scope="Restricted", restriction="Instansi penanganan"))
    assert faults(document) == []
    assert read(document).restriction == "Instansi penanganan"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (SENT, "2026-11-22T14:03:22+07:00"),
        (SENT.astimezone(UTC), "2026-11-22T07:03:22-00:00"),
        (SENT.replace(microsecond=999_999), "2026-11-22T14:03:22+07:00"),
    ],
)
def test_times_have_whole_seconds_and_an_offset_and_never_z(moment, text):
    assert written(moment) == text


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"identifier": "a b"}, "a space"),
        ({"identifier": "a,b"}, "a comma"),
        ({"sender": "a<b"}, "<"),
        ({"identifier": ""}, "empty"),
        ({"sent": SENT.replace(tzinfo=None)}, "no offset"),
        ({"msg_type": "Update"}, "takes the place of nothing"),
        ({"msg_type": "Cancel"}, "takes the place of nothing"),
        ({"references": (alert(identifier="other").reference,)}, "a first message refers to others"),
        ({"msg_type": "Update", "references": (alert().reference,)}, "refers to itself"),
        ({"restriction": "x"}, "Restricted"),
        ({"scope": "Restricted"}, "Restricted"),
        ({"infos": ()}, "says nothing"),
        ({"infos": (info(expires=SENT),)}, "expires before"),
        ({"infos": (info(language=""),)}, "language"),
        ({"infos": (info(headline=" "),)}, "headline"),
        ({"infos": (info(areas=(Area("x", (TRIANGLE[:3],)),)),)}, "not closed"),
        ({"infos": (info(areas=(Area("x", (TRIANGLE[:3] + TRIANGLE[1:2],)),)),)}, "not closed"),
        ({"infos": (info(areas=(Area("x", circles=(Circle((107.6, -6.9), 1.0),)),)),)}, "latitude"),
        ({"infos": (info(areas=(Area("x", circles=(Circle((-6.9, 107.6), -1.0),)),)),)}, "radius"),
    ],
)
def test_what_the_schema_lets_through_and_receivers_stumble_over_is_refused(wrong, why):
    with pytest.raises(CapError, match=why):
        write(alert(**wrong))


def test_an_update_names_what_it_replaces_so_that_no_other_can_be_meant():
    first = alert()
    second = replace(
        first,
        identifier="kota-contoh.a1.2",
        msg_type="Update",
        sent=SENT + timedelta(minutes=1),
        references=(first.reference,),
    )
    found = read(write(second))
    assert found.references == "siaga@kota-contoh.example,kota-contoh.a1.1,2026-11-22T14:03:22+07:00"
    (reference,) = found.references_to_list()
    theirs = read(write(first))
    assert (reference.sender, reference.identifier, reference.sent) == (
        theirs.sender,
        theirs.identifier,
        theirs.sent,
    )
