"""One question to a camera over RTSP or HTTP, with its login, bounded in time and size."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from edge.drivers.http_login import Login, authorization

HEAD_MAX = 16 * 1024
_STATUS = re.compile(r"(RTSP|HTTP)/1\.[01] ([1-5][0-9]{2})(?: .*)?")
_PORTS = {"rtsp": 554, "http": 80}


class TalkError(Exception):
    """What answers is no camera, or says more than it may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What it answered."""

    status: int
    challenges: tuple[str, ...] = ()
    body: bytes = field(default=b"", repr=False)


async def ask(
    method: str,
    url: str,
    *,
    login: Login | None,
    most: int,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """Ask, and once more with the login where the camera wants one. The caller bounds the time.

    Args:
        most: bytes of a body that are taken.

    Raises:
        OSError: it cannot be reached, or hangs up.
        TalkError: it answers nonsense.
    """
    answer = await _once(method, url, said=None, most=most, headers=headers or {}, body=body)
    if answer.status != 401 or login is None:
        return answer
    uri = _uri(url)
    said = authorization(login, answer.challenges, method=method, uri=uri, cnonce=secrets.token_hex(8))
    if said is None:
        return answer
    return await _once(method, url, said=said, most=most, headers=headers or {}, body=body)


async def _once(
    method: str, url: str, *, said: str | None, most: int, headers: Mapping[str, str], body: bytes
) -> Answer:
    parts = urlsplit(url)
    rtsp = parts.scheme == "rtsp"
    lines = [f"{method} {_uri(url)} {'RTSP' if rtsp else 'HTTP'}/1.0"]
    lines.append("CSeq: 1" if rtsp else f"Host: {parts.netloc}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    if said is not None:
        lines.append(f"Authorization: {said}")
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or _PORTS[parts.scheme], limit=HEAD_MAX
    )
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return await _answer(reader, most, until_end=not rtsp)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader, most: int, *, until_end: bool) -> Answer:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.LimitOverrunError as error:
        raise TalkError("a head without end") from error
    except asyncio.IncompleteReadError as error:
        raise TalkError("half an answer") if error.partial else ConnectionResetError("it hangs up") from error
    found = _STATUS.fullmatch(head[0])
    if found is None:
        raise TalkError("no answer of RTSP or HTTP")
    pairs = [
        (name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:])
    ]
    length = next((value for name, value in pairs if name == "content-length"), None)
    challenges = tuple(value for name, value in pairs if name == "www-authenticate")
    if length is not None and not length.isdigit():
        raise TalkError("a length that is no number")
    body = b""
    if length is not None or until_end:
        body = await _body(reader, most, None if length is None else int(length))
    return Answer(int(found[2]), challenges, body)


async def _body(reader: asyncio.StreamReader, most: int, length: int | None) -> bytes:
    if length is not None:
        if length > most:
            raise TalkError(f"{length} bytes, at most {most}")
        try:
            return await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise TalkError("half an answer") from error
    came = bytearray()
    while piece := await reader.read(64 * 1024):
        came += piece
        if len(came) > most:
            raise TalkError(f"more than {most} bytes")
    return bytes(came)


def _uri(url: str) -> str:
    """What stands in the request line: all of it for RTSP, the path for HTTP."""
    parts = urlsplit(url)
    if parts.scheme == "rtsp":
        return url
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
