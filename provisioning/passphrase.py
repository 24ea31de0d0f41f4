"""Asking a person for the passphrase of a key. It is never an argument, which other accounts could see."""

from __future__ import annotations

import getpass
from pathlib import Path

from provisioning.errors import AuthorityError


def passphrase(file: Path | None, what: str, *, twice: bool = False) -> bytes:
    """The passphrase: from the file, or typed.

    Args:
        what: whose it is, in both languages.
        twice: it is a new one.

    Raises:
        AuthorityError: the two that were typed differ.
        OSError: the file cannot be read.
    """
    if file is not None:
        return file.read_bytes().strip()
    said = getpass.getpass(f"Frasa sandi {what}: ")
    if twice and getpass.getpass("Sekali lagi / once more: ") != said:
        raise AuthorityError("the two differ", "call again")
    return said.encode()
