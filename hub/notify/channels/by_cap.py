"""CAP messages pushed to a receiver of CAP: a POST of the document, signed as a webhook is."""

from __future__ import annotations

from hub.cap.write import MEDIA_TYPE
from hub.clock import Clock
from hub.notify.channels.base import Answer, Message
from hub.notify.channels.webhook import SignedPost
from hub.outbound import Outbound

KIND = "cap"
"""Kind of the notices whose text is a CAP document."""


class CapChannel:
    """Posts to one URL. It sends nothing but CAP: a receiver of CAP can read nothing else."""

    def __init__(self, url: str, secret: bytes, outbound: Outbound, clock: Clock) -> None:
        self._post = SignedPost(url, secret, outbound, clock)

    async def send(self, message: Message) -> Answer:
        """One POST."""
        if message.kind != KIND:
            return Answer("refused", detail="no CAP message, and this channel sends nothing else")
        return await self._post.send(message.key, f"{MEDIA_TYPE}; charset=utf-8", message.text.encode())

    async def aclose(self) -> None:
        """Nothing to let go of: connections are the outbound function's."""
