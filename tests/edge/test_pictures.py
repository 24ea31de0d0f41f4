"""A kept picture on its way: what is posted, and what is no such post."""

from __future__ import annotations

import time

import pytest

from contract import pictures, signed
from contract.errors import DecodeError
from contract.pictures import MOST_POSTED, PICTURE
from contract.signed import Signed
from edge.config import SecondPath, loads
from edge.errors import OrderError
from edge.pictures import Pictures
from hub.fleet.signatures import UntrustedError, roots_in, verify
from provisioning.ca import Authority
from tests.edge.drivers.test_registry import config
from tests.edge.test_second_path import listening

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


@pytest.mark.real
@pytest.mark.parametrize("status", [200, 403])
async def test_a_picture_goes_by_https_with_a_signature_that_the_hub_believes(tmp_path, status):
    authority = Authority.create(tmp_path / "ca", name="Kota Uji")
    keys = authority.gateway("gw-uji-1")
    with listening(authority, status) as (url, posted):
        gateway = loads(
            f"""
[gateway]
id = "gw-uji-1"
cell = 3
site = "rsud"
[broker]
host = "127.0.0.1"
ca_file = "{keys.authority}"
cert_file = "{keys.certificate}"
key_file = "{keys.key}"
[second_path]
url = "{url}"
""",
            tmp_path,
            "gateway.toml",
        )
        box = Pictures(gateway, read=lambda file: JPEG)
        if status == 200:
            assert await box.send(FILE) == len(JPEG)
        else:
            with pytest.raises(OrderError, match="403"):
                await box.send(FILE)
    [(place, body)] = posted
    told, note, picture = pictures.unpacked(body)
    assert (place, note.file, picture) == ("/api/pictures", FILE, JPEG)
    verify(told, PICTURE, roots_in(keys.authority), now_ms=time.time_ns() // 10**6)
    with pytest.raises(UntrustedError):
        verify(told, "siaga second path 1", roots_in(keys.authority), now_ms=time.time_ns() // 10**6)
