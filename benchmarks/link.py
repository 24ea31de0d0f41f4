"""One gateway's connection to the broker, with TLS and its own certificate, driven by hand."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from benchmarks import mqtt
from benchmarks.frames import Sender
from contract import topics

KEEPALIVE_S = 120
OPEN_S = 10.0
READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files of a certificate, its key and the authority that signed the broker."""

    authority: str
    certificate: str
    key: str


class Link:
    """Connected and subscribed once ``open`` returns; from then on it never blocks.

    Attributes:
        out: bytes that the broker has not taken yet.
    """

    def __init__(self, host: str, port: int, sender: Sender, credentials: Credentials) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._credentials = credentials
        self._socket: ssl.SSLSocket
        self._in = bytearray()
        self.out = bytearray()

    def open(self) -> None:
        """Connect and subscribe to what the hub says to this gateway.

        Raises:
            OSError: the broker does not let us in.
        """
        sender = self._sender
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self._credentials.authority)
        context.load_cert_chain(self._credentials.certificate, self._credentials.key)
        plain = socket.create_connection((self._host, self._port), timeout=OPEN_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain, server_hostname=self._host)
        self._socket.sendall(mqtt.connect(sender.gateway, keepalive_s=KEEPALIVE_S))
        self._expect(mqtt.CONNACK)
        self._socket.sendall(mqtt.subscribe(topics.gateway_filter(sender.cell, sender.gateway), 1))
        self._expect(mqtt.SUBACK)
        self._socket.setblocking(False)

    def _expect(self, kind: int) -> None:
        while True:
            for first, body in mqtt.packets(self._in):
                if first >> 4 == kind:
                    # CONNACK: flags and reason code; SUBACK: packet id, properties and reason code.
                    if (body[1] if kind == mqtt.CONNACK else body[-1]) >= 0x80:
                        raise ConnectionRefusedError(f"the broker refuses {self._sender.gateway}")
                    return
            data = self._socket.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError(f"the broker leaves {self._sender.gateway}")
            self._in += data

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        """Send now what the broker takes, the rest with ``flush``."""
        self.out += data
        self.flush()

    def flush(self) -> None:
        """Send what waits, as much as the broker takes."""
        while self.out:
            try:
                sent = self._socket.send(self.out)
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            del self.out[:sent]

    def receive(self) -> list[tuple[int, bytes]]:
        """Every whole packet that has come.

        Raises:
            ConnectionResetError: the broker has ended the connection.
        """
        while True:
            try:
                data = self._socket.recv(READ_BYTES)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            if not data:
                raise ConnectionResetError(f"the broker leaves {self._sender.gateway}")
            self._in += data
        return list(mqtt.packets(self._in))

    def close(self) -> None:
        """End the connection."""
        self._socket.close()
