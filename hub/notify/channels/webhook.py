"""The signed webhook: a POST of JSON that the receiver can verify, date and recognise when it comes again.

    POST <url>
    Content-Type: application/json
    Idempotency-Key: panic/3f…/polisi-webhook
    X-Siaga-Timestamp: 1795312345
    X-Siaga-Signature: v1=<hex of HMAC-SHA256(secret, timestamp + "." + body)>

The receiver refuses a signature that does not fit or a timestamp more than five minutes off, answers 2xx once it
has the message safe, and takes a known key as the message it has. Answers: 2xx is delivered; 408, 429, 5xx, a
redirect and silence are tried again; any other 4xx is refused for good.
"""

from __future__ import annotations

import hashlib
import hmac

from hub.clock import Clock
from hub.notify.channels.base import Answer, Message
from hub.notify.channels.notice_json import MEDIA_TYPE, as_json
from hub.outbound import Outbound, OutboundError, TooLargeError

SKEW_S = 300
"""How far a timestamp may be off."""


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """The signature header of a body sent at a time (seconds since 1970, in decimal)."""
    return "v1=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def verify(secret: bytes, timestamp: str, body: bytes, signature: str, *, now_s: float) -> bool:
    """Whether a receiver may trust the body: signed with the secret, and within five minutes of now."""
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    expected = sign(secret, timestamp, body).encode()
    return hmac.compare_digest(expected, signature.encode()) and abs(now_s - int(timestamp)) <= SKEW_S


class SignedPost:
    """Posts to one URL. The secret is shared with its receiver alone."""

    def __init__(self, url: str, secret: bytes, outbound: Outbound, clock: Clock) -> None:
        self._url = url
        self._secret = secret
        self._outbound = outbound
        self._clock = clock

    async def send(self, key: str, media_type: str, body: bytes) -> Answer:
        """One POST. A body that is too large does not undo the status it came with."""
        timestamp = str(self._clock.now_ms() // 1000)
        headers = {
            "Content-Type": media_type,
            "User-Agent": "siaga-hub",
            # Header values are ASCII; the key in the body is the whole truth.
            "Idempotency-Key": key.encode("ascii", "backslashreplace").decode(),
            "X-Siaga-Timestamp": timestamp,
            "X-Siaga-Signature": sign(self._secret, timestamp, body),
        }
        try:
            response = await self._outbound.post(self._url, content=body, headers=headers)
        except TooLargeError as error:
            return _judge(error.status or 0, None)
        except OutboundError as error:
            return Answer("failed" if error.retryable else "refused", detail=str(error))
        return _judge(response.status, response.headers.get("retry-after"))


class WebhookChannel:
    """A notice as JSON to one URL."""

    def __init__(self, url: str, secret: bytes, outbound: Outbound, clock: Clock) -> None:
        self._post = SignedPost(url, secret, outbound, clock)

    async def send(self, message: Message) -> Answer:
        """One POST."""
        return await self._post.send(message.key, MEDIA_TYPE, as_json(message))

    async def aclose(self) -> None:
        """Nothing to let go of: connections are the outbound function's."""


def _judge(status: int, retry_after: str | None) -> Answer:
    asked_s = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
    if 200 <= status < 300:
        return Answer("delivered", status, proves="delivered")
    if 400 <= status < 500 and status not in (408, 429):
        return Answer("refused", status, f"HTTP {status}")
    if 300 <= status < 400:
        return Answer("failed", status, f"HTTP {status}: redirects are not followed")
    return Answer("failed", status, f"HTTP {status}", asked_s)
