"""Photos are JPEG by content, small, and say nothing of who took them where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.commissioning.errors import PhotoError
from hub.commissioning.jpeg import MOST_BYTES, clean
from tests.hub.commissioning.pictures import PLACE, jpeg, segment


@pytest.mark.parametrize("frame", [0xC0, 0xC1, 0xC2])
def test_the_picture_is_kept_and_what_the_telephone_wrote_is_not(frame):
    photo = clean(jpeg(frame=frame))
    assert (photo.width, photo.height) == (640, 480)
    assert PLACE not in photo.data
    assert b"catatan" not in photo.data
    assert b"JFIF" in photo.data
    assert b"\x12\xff\x00\x34\xff\xd0\x56\xff\xd9" in photo.data
    assert clean(photo.data) == photo


def test_a_second_file_behind_the_picture_is_cut_off():
    more = b"<script>alert(1)</script>PK\x03\x04"
    assert clean(jpeg(more=more)).data == clean(jpeg()).data


def test_a_progressive_picture_has_several_scans():
    scans = segment(0xC4, bytes(20)) + segment(0xDA, bytes(6)) + b"\x01\x02"
    data = jpeg()[:-2] + scans + b"\xff\xd9"
    assert clean(data).data.endswith(scans + b"\xff\xd9")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        b"GIF89a" + bytes(64),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + segment(0xFE, b"<script>") + b"\xff\xd9",
        b"x" + jpeg(),
        jpeg()[:-2],
        jpeg()[:40],
        jpeg(width=0),
        jpeg(width=5000),
        jpeg(height=65535),
        jpeg() + bytes(MOST_BYTES),
        b"\xff\xd8" + segment(0xDB, bytes(65)) + b"zz" + jpeg()[2:],
        b"\xff\xd8\xff\xdb\x00\x00" + jpeg()[2:],
    ],
)
def test_what_is_no_whole_small_jpeg_is_refused(data):
    with pytest.raises(PhotoError):
        clean(data)


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_any_bytes_are_a_photo_or_refused(noise, at, length):
    data = bytearray(jpeg())
    data[at : at + length] = noise
    try:
        photo = clean(bytes(data))
    except PhotoError:
        return
    assert photo.data.startswith(b"\xff\xd8")
    assert photo.data.endswith(b"\xff\xd9")
    assert clean(photo.data) == photo, "what was taken once is taken again as it is"
