"""Cameras of this network, by WS-Discovery: one question to all, and what answers within some seconds."""

from __future__ import annotations

import asyncio
import re
import socket
import uuid
from collections.abc import Iterator
from urllib.parse import unquote

from edge.errors import OrderError

EVERYBODY = ("239.255.255.250", 3702)
WAIT_S = 3.0
ANSWERS_MAX = 500

_ADDRESSES = re.compile(rb"<(?:\w+:)?XAddrs>([^<]{1,2000})</")
_SCOPES = re.compile(rb"<(?:\w+:)?Scopes[^>]*>([^<]{1,8000})</")
_URL = re.compile(r"http://[A-Za-z0-9.\[\]:-]+(?:/[^\s]*)?")
_ABOUT = re.compile(r"onvif://www\.onvif\.org/(?:name|hardware)/(\S+)")


def probe(message_id: str) -> bytes:
    """The question for network video transmitters."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
        ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><e:Header>'
        f"<w:MessageID>uuid:{message_id}</w:MessageID>"
        "<w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>"
        "<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>"
        "<e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"
    ).encode()


def found_in(answer: bytes, sender: str) -> Iterator[tuple[str, str]]:
    """(address of its device service, what it says of itself) of each camera in an answer. Pure.

    Only addresses of whoever sent it: another's may be anything.
    """
    scopes = b" ".join(_SCOPES.findall(answer)).decode("utf-8", "replace")
    about = " ".join(dict.fromkeys(unquote(one) for one in _ABOUT.findall(scopes)))
    shown = "".join(letter for letter in about if letter.isprintable())[:80]
    for addresses in _ADDRESSES.findall(answer):
        for url in addresses.decode("utf-8", "replace").split():
            host = url.removeprefix("http://").split("/")[0].rsplit(":", 1)[0]
            if _URL.fullmatch(url) and host == sender:
                yield url, shown or "kamera / camera"


async def look(to: tuple[str, int] = EVERYBODY, *, wait_s: float = WAIT_S) -> list[tuple[str, str]]:
    """Ask, and gather what answers.

    Raises:
        OrderError: this box has no network.
    """
    loop, found = asyncio.get_running_loop(), dict[str, str]()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.setblocking(False)
        try:
            own.sendto(probe(str(uuid.uuid4())), to)
        except OSError as error:
            raise OrderError("network", f"nobody can be asked: {error}", "ip route; the cable") from error
        try:
            async with asyncio.timeout(wait_s):
                for _ in range(ANSWERS_MAX):
                    answer, sender = await loop.sock_recvfrom(own, 65_535)
                    found.update(found_in(answer, sender[0]))
        except (TimeoutError, ConnectionRefusedError):
            pass
    return sorted(found.items())
