"""The scan for cameras: who answers is listed by its own address, and by no other's."""

from __future__ import annotations

import asyncio

import pytest

from edge.visit import cameras

ANSWER = (
    "<e:Envelope><e:Body><d:ProbeMatches><d:ProbeMatch><d:Types>dn:NetworkVideoTransmitter</d:Types>"
    "<d:Scopes>onvif://www.onvif.org/name/Kamera%20Lobi onvif://www.onvif.org/hardware/DS-2CD onvif://x/y</d:Scopes>"
    "<d:XAddrs>http://{0}/onvif/device_service http://10.9.9.9/onvif/device_service</d:XAddrs>"
    "</d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"
)


class Responder(asyncio.DatagramProtocol):
    """A camera that knows WS-Discovery, and noise beside it."""

    def __init__(self):
        self.asked = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.asked.append(data)
        for answer in (
            b"\xff\x00noise",
            ANSWER.format("127.0.0.1:8899").encode(),
            ANSWER.format("127.0.0.1").encode(),
        ):
            self.transport.sendto(answer, addr)


async def test_cameras_are_found_by_their_own_addresses():
    loop = asyncio.get_running_loop()
    transport, responder = await loop.create_datagram_endpoint(Responder, local_addr=("127.0.0.1", 0))
    try:
        found = await cameras.look(transport.get_extra_info("sockname"), wait_s=0.3)
    finally:
        transport.close()
    assert found == [
        ("http://127.0.0.1/onvif/device_service", "Kamera Lobi DS-2CD"),
        ("http://127.0.0.1:8899/onvif/device_service", "Kamera Lobi DS-2CD"),
    ]
    [asked] = responder.asked
    assert b"NetworkVideoTransmitter" in asked


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<XAddrs></XAddrs>",
        b"<XAddrs>http://1.2.3.5/a</XAddrs>",
        b"<XAddrs>ftp://1.2.3.4/a</XAddrs>",
        b"<XAddrs>http://user@1.2.3.4/a http://1.2.3.4\x1b[2J/a</XAddrs>",
    ],
)
def test_what_is_no_address_of_the_sender_is_not_shown(answer):
    assert list(cameras.found_in(answer, "1.2.3.4")) == []


def test_a_name_that_would_write_to_the_terminal_is_cleaned():
    answer = b"<Scopes>onvif://www.onvif.org/name/%1b%5b2Jx</Scopes><XAddrs>http://1.2.3.4/a</XAddrs>"
    assert list(cameras.found_in(answer, "1.2.3.4")) == [("http://1.2.3.4/a", "[2Jx")]
