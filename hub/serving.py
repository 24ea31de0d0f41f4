"""An HTTP server inside the event loop of whoever runs it: the hub's pages, the enrolment, the demo's control page."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn
from starlette.types import ASGIApp


class Serving:
    """Listens from its making on, so that its port is known; serves while ``run`` runs.

    Args:
        port: 0 takes a free one.
        tls: whether it speaks TLS; the options say how.
        grace_s: open requests, event streams among them, get this long when it stops.
        options: of uvicorn.

    Raises:
        OSError: the address is taken.
    """

    def __init__(
        self, listen: str, port: int, *, tls: bool, grace_s: int, backlog: int = 128, **options: Any
    ) -> None:
        self.tls = tls
        self._options = {
            "log_config": None,
            "access_log": False,
            "lifespan": "off",
            "server_header": False,
            "timeout_graceful_shutdown": grace_s,
            **options,
        }
        family = socket.AF_INET6 if ":" in listen else socket.AF_INET
        self._socket = socket.create_server((listen, port), family=family, backlog=backlog)
        self._server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self._socket.getsockname()[:2]
        return f"{'https' if self.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    async def run(self, app: ASGIApp) -> None:
        """Serve until ``stop``; then again, if asked. Between two, who connects waits."""
        self._server = _Quiet(uvicorn.Config(app, **self._options))
        # The server closes what it was given when it ends.
        await self._server.serve(sockets=[self._socket.dup()])

    def stop(self) -> None:
        """End serving, with grace for what is open."""
        if self._server is not None:
            self._server.should_exit = True

    def close(self) -> None:
        """Listen no more. Idempotent."""
        self._socket.close()


class _Quiet(uvicorn.Server):
    """Leaves the process's signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
