"""A camera: RTSP that describes its stream, ONVIF that tells its clock, and one picture over HTTP, with a login."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import re
from typing import Literal

Fault = Literal["none", "silent", "garbage", "half", "no stream", "no picture"]

PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40 + b"\xff\xd9"
SDP = b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=kamera\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
REALM, NONCE = "IP Camera", "7d1c8a9e0f"


class FakeCamera:
    """One camera on one port, which speaks what it is asked in. ``async with FakeCamera() as camera``."""

    def __init__(self, *, password: str = "") -> None:
        self.fault: Fault = "none"
        self.port = 0
        self.clock_off_s = 0.0
        self.asked: list[str] = []
        self.picture = PICTURE
        self.delay_s = 0.0
        self._password = password
        self._server: asyncio.Server | None = None

    @property
    def rtsp(self) -> str:
        """Where its stream is."""
        return f"rtsp://127.0.0.1:{self.port}/stream1"

    @property
    def onvif(self) -> str:
        """Its device service."""
        return f"http://127.0.0.1:{self.port}/onvif/device_service"

    @property
    def snapshot(self) -> str:
        """Where it gives a picture."""
        return f"http://127.0.0.1:{self.port}/onvif/snapshot?channel=1"

    async def __aenter__(self) -> FakeCamera:
        await self.plug()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.unplug()

    async def plug(self) -> None:
        """Come up, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Go away."""
        if self._server is not None:
            self._server.close()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            method, url, version = lines[0].split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines[1:])
            }
            await reader.readexactly(int(headers.get("content-length", "0")))
            self.asked.append(method)
            await asyncio.sleep(self.delay_s)
            said = self._answer(method, url, version.partition("/")[0], headers)
            if self.fault == "silent":
                await asyncio.sleep(60)
            if self.fault == "half":
                said = said[: len(said) // 2]
            writer.write(b"\x00\x01garbage\r\n\r\n" if self.fault == "garbage" else said)
            await writer.drain()
        writer.close()

    def _answer(self, method: str, url: str, protocol: str, headers: dict[str, str]) -> bytes:
        if self._password and not self._is_let_in(method, url, headers.get("authorization", "")):
            challenge = f'Digest realm="{REALM}", nonce="{NONCE}", qop="auth", algorithm=MD5'
            return _made(protocol, 401, "Unauthorized", b"", f"WWW-Authenticate: {challenge}")
        if protocol == "RTSP":
            if method != "DESCRIBE" or self.fault == "no stream":
                return _made(protocol, 404, "Stream Not Found", b"")
            return _made(protocol, 200, "OK", SDP, "Content-Type: application/sdp")
        if method == "POST":
            return _made(protocol, 200, "OK", self._time(), "Content-Type: application/soap+xml")
        if self.fault == "no picture":
            return _made(protocol, 200, "OK", b"<html>please log in</html>")
        return _made(protocol, 200, "OK", self.picture, "Content-Type: image/jpeg")

    def _is_let_in(self, method: str, url: str, said: str) -> bool:
        told = dict(re.findall(r'(\w+)="?([^",]*)"?', said))
        one = _md5(f"siaga:{REALM}:{self._password}")
        two = _md5(f"{method}:{url}")
        wanted = _md5(f"{one}:{NONCE}:{told.get('nc')}:{told.get('cnonce')}:auth:{two}")
        return told.get("response") == wanted and told.get("uri") == url

    def _time(self) -> bytes:
        now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.clock_off_s)
        time = f"<tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
        date = f"<tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>"
        return (
            '<?xml version="1.0"?><SOAP-ENV:Envelope><SOAP-ENV:Body><tds:GetSystemDateAndTimeResponse>'
            "<tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
            f"<tt:UTCDateTime><tt:Time>{time}</tt:Time><tt:Date>{date}</tt:Date></tt:UTCDateTime>"
            "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse></SOAP-ENV:Body></SOAP-ENV:Envelope>"
        ).encode()


def _made(protocol: str, status: int, word: str, body: bytes, *more: str) -> bytes:
    head = [f"{protocol}/1.0 {status} {word}", "CSeq: 1", f"Content-Length: {len(body)}", *more, "", ""]
    return "\r\n".join(head).encode() + body


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
