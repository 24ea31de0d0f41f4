"""Passwords by Argon2id, in threads, and never more than a few at a time."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from hub.errors import HubError

LEAST_CHARS = 12
MOST_CHARS = 128
"""A longer one would only be work for us."""


class PasswordError(HubError, ValueError):
    """A new password that is not taken."""


def check_new(password: str, *, name: str) -> None:
    """Whether a password may be set.

    Raises:
        PasswordError: too short, too long, or the name in disguise.
    """
    if not LEAST_CHARS <= len(password) <= MOST_CHARS:
        raise PasswordError(f"a password has {LEAST_CHARS} to {MOST_CHARS} characters")
    if name.lower() in password.lower():
        raise PasswordError("the password contains the user's name")
    if len(set(password)) < 5:
        raise PasswordError("the password repeats too few characters")


class Passwords:
    """Argon2id with the parameters of RFC 9106's second recommendation: 64 MiB, 3 passes.

    Args:
        memory_kib, passes: lower in tests only.
        at_once: how many are computed at a time; each takes its memory.
    """

    def __init__(self, *, memory_kib: int = 65536, passes: int = 3, at_once: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=2, type=Type.ID)
        self._places = asyncio.Semaphore(at_once)
        self._nobodys = ""

    def hash(self, password: str) -> str:
        """The hash to store. Slow; blocks."""
        return self._hasher.hash(password)

    async def hash_aside(self, password: str) -> str:
        """The same in a thread."""
        async with self._places:
            return await asyncio.to_thread(self.hash, password)

    async def fits(self, password: str, stored: str | None) -> bool:
        """Whether the password is the stored one's; with no stored one it takes as long and is not."""
        async with self._places:
            return await asyncio.to_thread(self._fits, password, stored)

    def _fits(self, password: str, stored: str | None) -> bool:
        # A user without a password has a mark there instead of a hash; that too takes as long and fits nothing.
        real = stored is not None and stored.startswith("$argon2")
        if not real and not self._nobodys:
            self._nobodys = self._hasher.hash("nobody's password")
        try:
            return self._hasher.verify(stored if real and stored else self._nobodys, password) and real
        except (VerificationError, InvalidHashError):
            return False
