"""A kept picture on its way: what is posted, and what is no such post."""

from __future__ import annotations

import pytest

from contract import pictures, signed
from contract.errors import DecodeError
from contract.pictures import MOST_POSTED, PICTURE
from contract.signed import Signed
from edge.config import SecondPath
from edge.errors import OrderError
from edge.pictures import Pictures
from tests.edge.drivers.test_registry import config

FILE = f"{'ab' * 16}-cctv-lobi.jpg"
JPEG = b"\xff\xd8\xff\xe0" + b"\n" * 1000 + b"\xff\xd9"


def line(payload):
    return Signed(
        purpose=PICTURE, gateway="gw-uji", chain=("pem\nof\nlines",), payload=payload, signature=b"\n\n"
    )


def test_a_picture_comes_back_from_its_post():
    posted = pictures.packed(line(pictures.note_of(FILE, JPEG)), JPEG)
    told, note, picture = pictures.unpacked(posted)
    assert (told.gateway, note.file, note.press, picture) == ("gw-uji", FILE, "ab" * 16, JPEG)


@pytest.mark.parametrize(
    "posted",
    [
        b"",
        b"\n",
        JPEG,
        signed.encode(line(b"{}")) + b"\n" + JPEG,
        pictures.packed(line(pictures.note_of(FILE, JPEG)), JPEG + b"x"),
        pictures.packed(line(pictures.note_of("../spool.sqlite", JPEG)), JPEG),
        pictures.packed(line(pictures.note_of(f"x{FILE}", JPEG)), JPEG),
        bytes(MOST_POSTED + 1),
    ],
)
def test_what_is_no_such_post_is_refused(posted):
    with pytest.raises(DecodeError):
        pictures.unpacked(posted)


async def test_without_a_camera_or_a_way_it_is_said_so():
    def missing(file):
        raise OrderError("picture", "none")

    with pytest.raises(OrderError, match="address of the hub"):
        await Pictures(config(""), read=lambda file: JPEG).send(FILE)
    with_way = config('[second_path]\nurl = "https://127.0.0.1:1"\n')
    assert isinstance(with_way.second_path, SecondPath)
    with pytest.raises(OrderError, match="none"):
        await Pictures(with_way, read=missing).send(FILE)
    with pytest.raises(OrderError) as refused:
        await Pictures(with_way, read=lambda file: JPEG).send(FILE)
    assert refused.value.reason == "certificate"
