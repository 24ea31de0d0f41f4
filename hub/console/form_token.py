"""What keeps a stranger's page from sending the forms that come before a login.

There is no session yet from which a token could follow. So such a form carries one that fits a cookie which only the
page itself can have been given: nobody can log a person in as somebody else.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from fastapi import Request, Response

from hub.api.access import cookie_name
from hub.api.services import Services


class FormToken:
    """The secret of a browser that has no session, and the token that follows from it."""

    def __init__(self, request: Request, hub: Services) -> None:
        # Bound to this host like the session's cookie, so that no neighbour can plant one.
        self._cookie = cookie_name(hub) + "-login"
        self._secure = hub.secure_cookies
        self._secret = request.cookies.get(self._cookie, "")

    def made(self) -> str:
        """The token for a form; makes the secret where the browser has none."""
        self._secret = self._secret or secrets.token_urlsafe(24)
        return self._token()

    def fits(self, given: str) -> bool:
        """Whether the token that came with a form is this browser's."""
        return bool(self._secret) and hmac.compare_digest(self._token().encode(), given.encode())

    def keep(self, answer: Response) -> None:
        """Let the browser keep the secret until it is used."""
        answer.set_cookie(
            self._cookie, self._secret, path="/", secure=self._secure, httponly=True, samesite="strict"
        )

    def drop(self, answer: Response) -> None:
        """The secret has done its work."""
        answer.delete_cookie(self._cookie, path="/", secure=self._secure, httponly=True)

    def _token(self) -> str:
        return hashlib.sha256(b"siaga login " + self._secret.encode()).hexdigest()
