"""Basic and Digest logins of RFC 7617 and 7616, as cameras ask for them over HTTP and RTSP. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CHALLENGE_MAX = 2000
_PAIR = re.compile(r'([A-Za-z]+)=(?:"([^"]*)"|([^\s,]+))')

_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
"""MD5 is what most cameras know; it protects little, and their network must be their own anyway."""


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password."""

    username: str
    password: str


def authorization(
    login: Login, challenges: Sequence[str], *, method: str, uri: str, cnonce: str
) -> str | None:
    """The header that answers one of these challenges, the strongest that is known; None where none is.

    Args:
        cnonce: some random letters.
    """
    digests = [_pairs(one) for one in challenges if one.lower().startswith("digest ")]
    for name in ("SHA-256", "MD5"):
        for told in digests:
            if told.get("algorithm", "MD5").upper() == name and "nonce" in told:
                return _digest(login, told, name, method=method, uri=uri, cnonce=cnonce)
    if any(one.lower().startswith("basic") for one in challenges):
        pair = f"{login.username}:{login.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    return None


def _digest(login: Login, told: dict[str, str], algorithm: str, *, method: str, uri: str, cnonce: str) -> str:
    hashed = _HASHES[algorithm]
    realm, nonce = told.get("realm", ""), told["nonce"]
    one = hashed(f"{login.username}:{realm}:{login.password}".encode())
    two = hashed(f"{method}:{uri}".encode())
    parts = {"username": login.username, "realm": realm, "nonce": nonce, "uri": uri}
    tail = f", algorithm={algorithm}"
    if "auth" in [word.strip() for word in told.get("qop", "").split(",")]:
        parts["response"] = hashed(f"{one}:{nonce}:00000001:{cnonce}:auth:{two}".encode())
        tail += f', qop=auth, nc=00000001, cnonce="{cnonce}"'
    else:
        parts["response"] = hashed(f"{one}:{nonce}:{two}".encode())
    if "opaque" in told:
        parts["opaque"] = told["opaque"]
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in parts.items()) + tail


def _pairs(challenge: str) -> dict[str, str]:
    return {name.lower(): quoted or plain for name, quoted, plain in _PAIR.findall(challenge[:CHALLENGE_MAX])}
