"""What every SMS gateway promises. One test suite holds all of them to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hub.errors import HubError


class SmsError(HubError):
    """A text was not taken. ``retryable`` says whether another attempt may help."""


class SmsUnavailableError(SmsError):
    """The gateway is away or busy."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Text:
    """A text that came in. ``ref`` is the gateway's own name of it, the same each time it is listed."""

    ref: str
    sender: str
    text: str


class SmsGateway(Protocol):
    """A modem or a provider. Safe for several texts at once."""

    async def send(self, number: str, text: str, *, key: str) -> str:
        """Hand a text over and return the gateway's name of it. A gateway that knows keys takes one once.

        Raises:
            SmsUnavailableError: worth another attempt.
            SmsError: it will never be taken.
        """
        ...

    async def received(self) -> Sequence[Text]:
        """What has come in and is not yet let go of, the oldest first.

        Raises:
            SmsUnavailableError: the gateway cannot say.
        """
        ...

    async def let_go(self, ref: str) -> None:
        """A text that came in is on record here. Idempotent.

        Raises:
            SmsUnavailableError: it will be listed again.
        """
        ...
