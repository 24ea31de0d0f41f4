"""Cameras: whether they answer and give their stream, by RTSP and ONVIF, and a picture when somebody presses.

A camera that is down is told after several silences and up again after several answers, because cameras blink. Its
stream is asked for (DESCRIBE) and never taken.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re

from contract.kinds import Quality
from contract.pictures import MOST_BYTES
from edge.clock import Clock
from edge.config.cameras import Camera
from edge.drivers.base import MissedPollError, Reading, Value
from edge.drivers.camera_talk import Answer, TalkError, ask
from edge.drivers.http_login import Login

ANSWER_S = 5.0
SDP_MAX = 64 * 1024
SOAP_MAX = 64 * 1024
PICTURE_MAX = MOST_BYTES
JPEG_BEGINS, JPEG_ENDS = b"\xff\xd8\xff", b"\xff\xd9"

CLOCK = (
    b'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    b'<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
)
SOAP = {"Content-Type": "application/soap+xml; charset=utf-8"}
_UTC = re.compile(rb"<(?:\w+:)?UTCDateTime>(.{0,600}?)</(?:\w+:)?UTCDateTime>", re.DOTALL)
_PART = re.compile(rb"<(?:\w+:)?(Year|Month|Day|Hour|Minute|Second)>\s*(\d{1,4})\s*</")
PARTS = (b"Year", b"Month", b"Day", b"Hour", b"Minute", b"Second")


def clock_of(answer: bytes) -> dt.datetime | None:
    """The UTC in an answer to GetSystemDateAndTime; None where it has none. Pure.

    Searched for, not parsed: an XML parser would read whatever else a stranger's machine puts around it.
    """
    found = _UTC.search(answer)
    if found is None:
        return None
    parts = {name: int(value) for name, value in _PART.findall(found[1])}
    try:
        year, month, day, hour, minute, second = (parts[name] for name in PARTS)
        return dt.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=dt.UTC)
    except (KeyError, ValueError):
        return None


class CameraDriver:
    """One camera."""

    kind = "camera"

    def __init__(self, settings: Camera, *, clock: Clock) -> None:
        self.device = settings.name
        self.settings = settings
        self._clock = clock
        self._missed = 0
        self._answered = 0
        self.snapshots = 0
        """Pictures that were kept since the start."""
        optional = (("clock_off_s", settings.onvif), ("snapshots", settings.snapshot))
        self.quantities = ("online", "answer_ms", *(name for name, there in optional if there is not None))

    async def poll(self) -> Reading:
        """Whether it gives its stream, how fast it answers, and how wrong its clock is.

        Raises:
            MissedPollError: ``no_answer``, ``garbage``; ``exception`` where it refuses the login; ``resting`` while one
                that was down has not answered often enough.
        """
        began_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(ANSWER_S):
                online = await self._stream()
                off_s = await self._clock_off_s()
        except TimeoutError:
            raise self._miss("no_answer", "it gives no answer", "power, cable, address") from None
        except OSError as error:
            raise self._miss("no_answer", str(error), "power, cable, address") from error
        except TalkError as error:
            raise self._miss("garbage", str(error), "is it a camera that answers there?") from error
        self._blinks()
        values: dict[str, Value] = {
            "online": int(online),
            "answer_ms": round((asyncio.get_running_loop().time() - began_s) * 1000, 1),
            "clock_off_s": off_s,
            "snapshots": self.snapshots,
        }
        mine = {name: values[name] for name in self.quantities}
        missing = {name: Quality.INVALID for name, value in mine.items() if value is None}
        return Reading(self.device, mine, self._clock.mono_ms(), missing)

    async def picture(self) -> bytes:
        """A picture of now, as JPEG.

        Raises:
            MissedPollError: it gives none.
        """
        url = self.settings.snapshot
        assert url is not None
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await ask("GET", url, login=self._login(), most=PICTURE_MAX)
        except (TimeoutError, OSError, TalkError) as error:
            raise MissedPollError(
                "no_answer", str(error) or "no picture in time", "power, address"
            ) from error
        if answer.status != 200:
            raise self._refused(answer, "no picture")
        data = answer.body
        if not data.startswith(JPEG_BEGINS) or JPEG_ENDS not in data[-64:]:
            raise MissedPollError(
                "garbage", f"{len(data)} bytes that are no whole JPEG", "the address of its picture"
            )
        return data

    async def _stream(self) -> bool:
        """Whether it gives its stream; a camera without RTSP is there when it answers at all."""
        if self.settings.rtsp is None:
            return True
        headers = {"Accept": "application/sdp"}
        answer = await ask("DESCRIBE", self.settings.rtsp, login=self._login(), most=SDP_MAX, headers=headers)
        if answer.status in (401, 403):
            raise self._refused(answer, "no stream")
        return answer.status == 200

    async def _clock_off_s(self) -> float | None:
        """How far its clock is before ours; None where one of both is not known."""
        if self.settings.onvif is None:
            return None
        answer = await ask(
            "POST", self.settings.onvif, login=self._login(), most=SOAP_MAX, headers=SOAP, body=CLOCK
        )
        told = clock_of(answer.body)
        if told is None or not self._clock.discipline().synced:
            return None
        return round(told.timestamp() - self._clock.now_ms() / 1000, 1)

    def _blinks(self) -> None:
        """Pass where it has answered often enough since it was down."""
        self._answered += 1
        if self._missed >= self.settings.down_after and self._answered < self.settings.up_after:
            raise MissedPollError("resting", f"{self.device} answers again; once is not enough")
        self._missed = 0

    def _miss(self, reason: str, text: str, hint: str) -> MissedPollError:
        self._missed += 1
        self._answered = 0
        return MissedPollError(reason, text, hint)

    def _refused(self, answer: Answer, what: str) -> MissedPollError:
        hint = "username and password_file" if answer.status in (401, 403) else "its address"
        return self._miss("exception", f"{what}: status {answer.status}", hint)

    def _login(self) -> Login | None:
        name, path = self.settings.username, self.settings.password_file
        if name is None or path is None:
            return None
        return Login(name, path.read_text(encoding="utf-8").strip())
