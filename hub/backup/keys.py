"""Whom a backup is for: recipients and identities of the age format (age-encryption.org/v1), X25519.

The hub knows the recipients alone, so who breaks into it reads no backup. Any ``age`` program opens them too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

import pyrage

from hub.backup.errors import BackupError


class Recipient(Protocol):
    """A public key; its text begins with age1."""


class Identity(Protocol):
    """A secret key; its text begins with AGE-SECRET-KEY-1."""

    def to_public(self) -> Recipient:
        """The recipient for whom it opens."""
        ...


def new_identity() -> Identity:
    """A key that nobody has."""
    return cast(Identity, pyrage.x25519.Identity.generate())


def recipients(texts: Sequence[str]) -> list[Recipient]:
    """The public keys to encrypt for.

    Raises:
        BackupError: there is none, or one is not a key.
    """
    if not texts:
        raise BackupError("nobody could read this backup", "make a key with siaga-hub backup-key")
    try:
        return [pyrage.x25519.Recipient.from_str(text) for text in texts]
    except pyrage.RecipientError as error:
        raise BackupError(f"a recipient is not one: {error}", "it begins with age1") from error


def identities(path: Path) -> list[Identity]:
    """The secret keys in a file, one a line; lines that begin with # say nothing.

    Raises:
        BackupError: there is none in it.
        OSError: it cannot be read.
    """
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    try:
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except pyrage.IdentityError as error:
        raise BackupError(f"{path} holds no key: {error}", "it is a file of siaga-hub backup-key") from error
    if not found:
        raise BackupError(f"{path} holds no key", "it is a file of siaga-hub backup-key")
    return found


def make(path: Path) -> str:
    """Write a new secret key into a new file of mode 0600; return its recipient.

    Raises:
        OSError: the file is there already, or cannot be written.
    """
    identity = new_identity()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"# {identity.to_public()}\n{identity}\n")
        file.flush()
        os.fsync(file.fileno())
    return str(identity.to_public())
