"""Programs that are known by a token of the configuration: who one is, and not too often."""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping

from fastapi import Request

from hub.api.errors import ApiError
from hub.api.services import Services


def holder(hub: Services, request: Request, kind: str, tokens: Mapping[str, str]) -> str:
    """Whose token a request has as ``Authorization: Bearer``.

    Args:
        kind: of programs; those of one kind share nothing with another's of the same name.
        tokens: each one's token, by its name.

    Raises:
        ApiError: nobody's, or asked too often.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    name = name_of(token.strip(), tokens) if scheme.lower() == "bearer" else None
    if name is None:
        raise ApiError("unsigned")
    wait_s = hub.rates.by_user(f"{kind}:{name}", now_ms=hub.clock.mono_ms())
    if wait_s:
        raise ApiError("too_many_requests", headers={"Retry-After": str(math.ceil(wait_s))})
    return name


def name_of(token: str, tokens: Mapping[str, str]) -> str | None:
    """Who has this token; None where nobody has."""
    # All are compared, each in a time that does not tell how much of it fits.
    fitting = [name for name, its in tokens.items() if hmac.compare_digest(its.encode(), token.encode())]
    return fitting[0] if token and fitting else None
