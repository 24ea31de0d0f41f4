"""Sending a kept picture to the hub, when a person there has asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from contract import pictures
from contract.pictures import PICTURE
from edge.config import Config
from edge.errors import CertificateError, OrderError, WayError
from edge.hub_door import post
from edge.signing import sign

PLACE = "/api/pictures"


class Pictures:
    """The pictures of a gateway, and the way by which one of them leaves it."""

    def __init__(self, config: Config, *, read: Callable[[str], bytes]) -> None:
        """
        Args:
            read: gives a picture by its name.
        """
        self._config = config
        self._read = read

    async def send(self, file: str) -> int:
        """Send a picture; how many bytes it has.

        Raises:
            OrderError: there is no such picture, or no way for it.
        """
        path = self._config.second_path
        if path is None or path.url is None:
            raise OrderError(
                "no_way", "alamat pusat tidak ada / no address of the hub", "url in [second_path]"
            )
        picture = self._read(file)
        try:
            await asyncio.to_thread(self._post, path.url, file, picture)
        except WayError as error:
            raise OrderError(error.reason, error.message, error.hint) from error
        return len(picture)

    def _post(self, url: str, file: str, picture: bytes) -> None:
        broker, gateway = self._config.broker, self._config.gateway.id
        note = pictures.note_of(file, picture)
        try:
            line = sign(PICTURE, gateway, note, certificate=broker.cert_file, key=broker.key_file)
        except CertificateError as error:
            raise WayError("certificate", str(error)) from error
        post(url, PLACE, pictures.packed(line, picture), "application/octet-stream", authority=broker.ca_file)
