"""The API's server, inside the hub's event loop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator

import uvicorn
from fastapi import FastAPI

from hub.config import ApiSection

GRACE_S = 2
"""Open requests, event streams among them, get this long when the hub stops."""


PROXIES = "127.0.0.1,::1"
"""Who may say, with ``proxy_tls``, for whom it asks (X-Forwarded-For)."""


class Web:
    """Listens from its making on, so that its port is known; serves while ``run`` runs.

    Raises:
        OSError: the address is taken.
    """

    def __init__(self, config: ApiSection) -> None:
        self._config = config
        self._socket = socket.create_server(
            (config.listen, config.port),
            family=socket.AF_INET6 if ":" in config.listen else socket.AF_INET,
            backlog=512,
        )
        self._server: uvicorn.Server | None = None

    @property
    def tls(self) -> bool:
        """Whether it speaks TLS itself."""
        return bool(self._config.certificate)

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self._socket.getsockname()[:2]
        return f"{'https' if self.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    async def run(self, app: FastAPI) -> None:
        """Serve until ``stop``."""
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            # Else all people behind a proxy have one address, and a stranger's guesses lock all of them out.
            proxy_headers=self._config.proxy_tls,
            forwarded_allow_ips=PROXIES,
            server_header=False,
            ssl_certfile=self._config.certificate or None,
            ssl_keyfile=self._config.key or None,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = _Server(config)
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """End serving, with grace for what is open."""
        if self._server is not None:
            self._server.should_exit = True

    def close(self) -> None:
        """Listen no more. Idempotent."""
        self._socket.close()


class _Server(uvicorn.Server):
    """Leaves the process's signals to the hub."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
