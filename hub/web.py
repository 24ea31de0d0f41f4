"""The API's server, as the configuration wants it."""

from __future__ import annotations

from hub.config import ApiSection
from hub.serving import Serving

GRACE_S = 2

PROXIES = "127.0.0.1,::1"
"""Who may say, with ``proxy_tls``, for whom it asks (X-Forwarded-For)."""


class Web(Serving):
    """Listens from its making on.

    Raises:
        OSError: the address is taken.
    """

    def __init__(self, config: ApiSection) -> None:
        super().__init__(
            config.listen,
            config.port,
            tls=bool(config.certificate),
            grace_s=GRACE_S,
            backlog=512,
            # Else all people behind a proxy have one address, and a stranger's guesses lock all of them out.
            proxy_headers=config.proxy_tls,
            forwarded_allow_ips=PROXIES,
            ssl_certfile=config.certificate or None,
            ssl_keyfile=config.key or None,
        )
