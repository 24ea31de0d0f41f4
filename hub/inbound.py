"""Webhooks that come in: who may be believed, once.

As the hub signs what it sends, with one thing more: a nonce, random and never used again.

    X-Siaga-Timestamp: 1795312345
    X-Siaga-Nonce: 2f0c6ab2b6b14c22a8d1e6f4
    X-Siaga-Signature: v1=<hex of HMAC-SHA256(secret, timestamp + "." + nonce + "." + body)>

A message is believed for five minutes. Its nonce is kept in the audit row of what it did, in the same transaction, so
that the same message does nothing a second time, whatever has been restarted meanwhile.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from hub.api import audit as trail
from hub.api.tables import audit
from hub.errors import HubError
from hub.notify.channels.webhook import SKEW_S, sign

_TIMESTAMP = re.compile(r"\d{1,12}", re.ASCII)
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")


class UnsignedError(HubError):
    """The message is not to be believed. Says no more, so that a guess learns nothing from the answer."""

    def __init__(self) -> None:
        super().__init__("not signed by a channel of this hub, not of now, or used before")


@dataclass(frozen=True, slots=True)
class Signed:
    """A message as it came in on a channel's address."""

    channel: str
    timestamp: str
    nonce: str
    signature: str
    body: bytes

    @property
    def actor(self) -> str:
        """Who it is in the trail. No user can be called so: their names have no colon."""
        return f"channel:{self.channel}"


def check(message: Signed, keys: Mapping[str, bytes], *, now_ms: int) -> None:
    """Whether its channel has signed it just now. ``take_nonce`` is still to come.

    Args:
        keys: the secret of each channel.

    Raises:
        UnsignedError: it has not.
    """
    # A channel that is not there costs as much time as one with another secret.
    key = keys.get(message.channel) or secrets.token_bytes(32)
    said = sign(key, f"{message.timestamp}.{message.nonce}", message.body)
    fits = hmac.compare_digest(said.encode(), message.signature.encode())
    formed = _TIMESTAMP.fullmatch(message.timestamp) and _NONCE.fullmatch(message.nonce)
    if not fits or not formed or abs(now_ms - int(message.timestamp) * 1000) > SKEW_S * 1000:
        raise UnsignedError


def take_nonce(conn: Connection, message: Signed, action: str, subject: str, *, now_ms: int) -> None:
    """Put what the message does on record with its nonce; in the transaction that does it.

    Raises:
        UnsignedError: the nonce was used.
    """
    # Whoever writes the next row waits here, so that of two at once one sees the other's.
    trail.head(conn, hold=True)
    newest = (
        select(audit.c.at_ms, audit.c.detail).where(audit.c.actor == message.actor).order_by(audit.c.n.desc())
    )
    for row in conn.execute(newest):
        # Twice the time: a message of the future is believed for as long as one of the past.
        if row.at_ms < now_ms - 2 * SKEW_S * 1000:
            break
        if json.loads(row.detail).get("nonce") == message.nonce:
            raise UnsignedError
    detail: dict[str, trail.Scalar] = {"nonce": message.nonce, "timestamp": int(message.timestamp)}
    trail.record(conn, message.actor, action, subject, detail, now_ms=now_ms)
