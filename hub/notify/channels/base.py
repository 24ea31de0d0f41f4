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


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt.

    Attributes:
        outcome: ``delivered`` (the other side has taken it), ``failed`` (worth another attempt), ``refused`` (the
            same message will never be taken).
        status: HTTP status, where there was one.
        detail: one line for people; no secret.
        retry_after_s: how long the other side asked to wait.
    """

    outcome: Literal["delivered", "failed", "refused"]
    status: int | None = None
    detail: str = ""
    retry_after_s: float | None = None


class Channel(Protocol):
    """A way to reach one receiver. Safe to use for several messages at once."""

    async def send(self, message: Message) -> Answer:
        """Make one attempt, in bounded time. Raises nothing but CancelledError."""
        ...

    async def aclose(self) -> None:
        """Let go of connections. Idempotent."""
        ...
