"""What every channel promises the worker. One test suite holds all of them to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One message on one channel, as the worker hands it over.

    Attributes:
        key: the idempotency key; the same at every attempt.
        attempt: 1 at the first.
        first: it is taken for the first time since it was enqueued or released.
        priority: 1 (worst) .. 4.
        created_ms: when it was put into the outbox.
        link: names the notice in a one-time link; None where nothing is asked.
        answer_url: that link, whole; empty where nothing is asked or the hub has no address for links.
        code: what an answer by SMS says to mean this question; empty where nothing is asked.
        phone, email: of the contact, for channels that go by them.
        drill: id of the drill that it belongs to; empty: in earnest.
    """

    key: str
    channel: str
    kind: str
    subject: str
    desk: str
    title: str
    text: str
    priority: int
    data: Mapping[str, str | int | float | bool | None]
    created_ms: int
    attempt: int
    first: bool = True
    link: str | None = None
    answer_url: str = ""
    code: str = ""
    phone: str = ""
    email: str = ""
    drill: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt.

    Attributes:
        outcome: ``delivered`` (the other side has taken it), ``failed`` (worth another attempt), ``refused`` (the
            same message will never be taken).
        proves: what a message that was taken is proven to be: ``sent`` where a service or modem has it now,
            ``delivered`` where its receiver has.
        ref: how the other side names it, for its reports later.
        status: HTTP status, where there was one.
        detail: one line for people; no secret.
        retry_after_s: how long the other side asked to wait.
    """

    outcome: Literal["delivered", "failed", "refused"]
    status: int | None = None
    detail: str = ""
    retry_after_s: float | None = None
    proves: Literal["sent", "delivered"] = "sent"
    ref: str = ""


class Channel(Protocol):
    """A way to reach one receiver. Safe to use for several messages at once."""

    async def send(self, message: Message) -> Answer:
        """Make one attempt, in bounded time. Raises nothing but CancelledError."""
        ...

    async def aclose(self) -> None:
        """Let go of connections. Idempotent."""
        ...
