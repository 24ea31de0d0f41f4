"""What every SMS gateway promises. One test suite holds all of them to it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

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


@dataclass(frozen=True, slots=True)
class Fate:
    """What the network has reported of a text that was sent: it is on the telephone, or never will be.

    Attributes:
        how: the gateway's own word for it.
    """

    what: Literal["delivered", "failed"]
    how: str


def checked_number(number: str) -> str:
    """The number, where it is one.

    Raises:
        SmsError: it is none, as the name by which an operator sends advertisements.
    """
    if not re.fullmatch(r"\+?[0-9]{3,15}", number):
        raise SmsError(f"{number!r} is no telephone number")
    return number


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


@runtime_checkable
class Reporting(Protocol):
    """A gateway that hears what the network reports of its texts."""

    async def fates(self, refs: Collection[str]) -> Mapping[str, Fate]:
        """What is known of texts, by the names that ``send`` gave them; one of which nothing is known yet is not there.

        Raises:
            SmsUnavailableError: the gateway cannot say.
        """
        ...
