"""One post to the hub's own door by HTTPS, for what does not go by the broker. Blocks; call it in a thread."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from edge.errors import WayError

HTTPS_S = 10.0


def post(url: str, place: str, body: bytes, content_type: str, *, authority: Path) -> None:
    """Post it.

    Args:
        url: ``https://host:port``.
        authority: certificate of the city's authority, trusted beside the public ones.

    Raises:
        WayError: it was not taken.
    """
    try:
        context = ssl.create_default_context()
        context.load_verify_locations(cafile=str(authority))
    except OSError as error:
        raise WayError("certificate", str(error)) from error
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(
        parts.hostname or "", parts.port or 443, context=context, timeout=HTTPS_S
    )
    try:
        connection.request("POST", place, body, {"Content-Type": content_type})
        answer = connection.getresponse()
        said = answer.read(2000)
    except (OSError, http.client.HTTPException) as error:
        raise WayError("unreachable", f"{url}: {error!r}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise WayError("refused", f"HTTP {answer.status}: {said.decode('utf-8', 'replace')[:200]}")
