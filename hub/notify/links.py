"""One-time links by which a contact answers without an account. Pure but for the random name of a new one.

A link names one notice to one contact and carries the hub's signature, so that it cannot be guessed or made from
another. It serves until its assignment is over or its time is; each answer counts once. The database holds the names
and not the signatures: who reads it, or a backup of it, cannot answer for anybody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from hub.errors import ConfigError

LEAST_KEY_BYTES = 32
PATH = "/j/"

_NAME_CHARS = 12
_SIGNATURE_BYTES = 12


def new_name() -> str:
    """The name of a new link: 72 random bits."""
    return secrets.token_urlsafe(9)


class Links:
    """Makes links and reads them back.

    Args:
        address: of the hub as telephones reach it, with https and without a slash at its end.
        key: of the signatures; whoever has it can answer for every contact.

    Attributes:
        address: the hub's, without a slash at its end.

    Raises:
        ConfigError: the key is too short to be one.
    """

    def __init__(self, address: str, key: bytes) -> None:
        if len(key) < LEAST_KEY_BYTES:
            raise ConfigError(
                "the key of the answer links is too short", f"at least {LEAST_KEY_BYTES} bytes, random"
            )
        self.address = address.rstrip("/")
        self._key = key

    def url(self, name: str) -> str:
        """The address that a contact opens."""
        return f"{self.address}{PATH}{self.token(name)}"

    def token(self, name: str) -> str:
        """What the address ends in."""
        return name + self._signature(name)

    def read(self, token: str) -> str | None:
        """The name in a token that the hub has signed; None for anything else."""
        name, signature = token[:_NAME_CHARS], token[_NAME_CHARS:]
        fits = hmac.compare_digest(self._signature(name).encode(), signature.encode("utf-8", "replace"))
        return name if fits and len(name) == _NAME_CHARS else None

    def _signature(self, name: str) -> str:
        digest = hmac.new(self._key, b"siaga answer\0" + name.encode("utf-8", "replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest.digest()[:_SIGNATURE_BYTES]).decode()
