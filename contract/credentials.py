"""Where a file is that a configuration names: beside the configuration, or among the service's credentials.

A service manager can hand secrets to one service alone: systemd's ``LoadCredential=NAME:…`` and
``LoadCredentialEncrypted=`` put them into a folder in memory that only this service can read, and names it in
CREDENTIALS_DIRECTORY. A path ``credential:NAME`` is a file of that folder. The environment holds no secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from contract.errors import ContractError

PREFIX = "credential:"
FOLDER = "CREDENTIALS_DIRECTORY"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}")


class CredentialError(ContractError, ValueError):
    """A configuration names a credential, and the service manager has given none."""


def placed(path: str | Path, folder: Path, environment: Mapping[str, str] | None = None) -> Path:
    """The file that is meant.

    Args:
        folder: of the configuration, from which relative paths count.

    Raises:
        CredentialError: it is a credential's, and there is no folder of credentials, or the name is none.
    """
    text = str(path)
    if not text.startswith(PREFIX):
        return folder / path
    name = text.removeprefix(PREFIX)
    if not _NAME.fullmatch(name):
        raise CredentialError("credential", f"{name!r} is no name of a credential", "letters, digits, . _ -")
    given = (os.environ if environment is None else environment).get(FOLDER, "")
    if not given:
        raise CredentialError(
            "credential",
            f"{text}, and this service was given no credentials",
            f"LoadCredential={name}:… in its unit; by hand: systemd-run -p LoadCredential=…",
        )
    return Path(given) / name


@contextmanager
def looked_for_in(folder: Path) -> Generator[None, None, None]:
    """For a command that runs in no service: credentials are the files of that folder, if nobody has named another."""
    if FOLDER in os.environ:
        yield
        return
    os.environ[FOLDER] = str(folder)
    try:
        yield
    finally:
        del os.environ[FOLDER]
