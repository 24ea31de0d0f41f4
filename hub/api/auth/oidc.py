"""Coming in by an issuer of logins of the city's own (OpenID Connect): who it vouches for, and as what.

Code flow with PKCE, state and nonce. All three follow from one secret that lies in the person's browser and nowhere
else, so that nothing is kept here between the way out and the way back, and no stranger's answer fits. The issuer
says who somebody is and in which groups; which roles these give is in the hub's own file, and a group that is not in
it gives none.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from hub.api.auth.roles import Role, Roles
from hub.errors import HubError
from hub.outbound import OutboundError, Response

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the issuer has: none without one, and none by a shared secret."""

LEEWAY_S = 60
"""How far the issuer's clock and ours may be apart."""

KEPT_S = 3600
"""How long the issuer's addresses and keys are taken for known; an unknown key has them asked for at once."""


class IssuerError(HubError):
    """The issuer does not answer, or with something that it may not say; trying again may help."""


class NotVouchedError(HubError):
    """The issuer's word does not let this person in. What is wrong is for the trail, not for who asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who is trusted to say who somebody is, and what its groups mean here.

    Attributes:
        url: as its tokens say it, to the letter.
        redirect: where the issuer sends people back: this hub's ``/login/oidc/done``.
        name: what people call it.
        claim: of the token, with the groups.
        roles: what each group gives.
        second_factor: ways of proving oneself (``amr``) that count as a second factor; none: the hub asks its own.
    """

    url: str
    client_id: str
    client_secret: str
    redirect: str
    name: str
    claim: str = "groups"
    roles: Mapping[str, Collection[Role]]
    second_factor: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody whom the issuer vouches for.

    Attributes:
        name: what the issuer calls them; not checked to be a user's name here.
        roles: none where no group of theirs gives one.
        proved: whether they have shown a second factor there.
    """

    issuer: str
    subject: str
    name: str
    full_name: str
    roles: Roles
    proved: bool


class Calls(Protocol):
    """How the issuer is asked: ``hub.outbound.Outbound``."""

    async def get(self, url: str) -> Response:
        """GET."""
        ...

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str]) -> Response:
        """POST."""
        ...


class Places(msgspec.Struct, frozen=True):
    """What the issuer publishes of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Said(msgspec.Struct, frozen=True):
    """The token endpoint's answer."""

    id_token: str


def new_secret() -> str:
    """For a browser that sets out."""
    return secrets.token_urlsafe(32)


class Oidc:
    """One issuer. The constructor only stores."""

    def __init__(self, issuer: Issuer, calls: Calls) -> None:
        self._issuer = issuer
        self._calls = calls
        self._places: Places | None = None
        self._keys: dict[str, Any] = {}
        self._until_s = 0

    @property
    def name(self) -> str:
        """What people call the issuer."""
        return self._issuer.name

    async def way_out(self, secret: str, *, now_s: int) -> str:
        """The issuer's address for a browser with this secret.

        Raises:
            IssuerError: it does not say where that is.
        """
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        places = await self._ask_places(now_s)
        address: str = prepare_grant_uri(
            places.authorization_endpoint,
            self._issuer.client_id,
            "code",
            redirect_uri=self._issuer.redirect,
            scope="openid profile",
            state=_follows("state", secret),
            nonce=_follows("nonce", secret),
            code_challenge=create_s256_code_challenge(_follows("verifier", secret)),
            code_challenge_method="S256",
        )
        return address

    async def come_back(self, secret: str, *, state: str, code: str, issuer: str, now_s: int) -> Vouched:
        """Whom the issuer vouches for with the code that the browser has brought back.

        Args:
            secret: of the browser that brings it.
            issuer: as the way back names it (RFC 9207); empty where it does not.

        Raises:
            NotVouchedError: the answer is not one to this browser, or its token is not good.
            IssuerError: the issuer does not answer.
        """
        if not secret or not hmac.compare_digest(_follows("state", secret).encode(), state.encode()):
            raise NotVouchedError("the answer is to another browser")
        if issuer not in ("", self._issuer.url):
            raise NotVouchedError("the answer is another issuer's")
        token = await self._exchange(code, _follows("verifier", secret), now_s)
        claims = await self._verified(token, _follows("nonce", secret), now_s)
        return self._vouched(claims)

    async def _exchange(self, code: str, verifier: str, now_s: int) -> str:
        """The ID token for a code."""
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        body = prepare_token_request(
            "authorization_code", redirect_uri=self._issuer.redirect, code=code, code_verifier=verifier
        )
        login = base64.b64encode(f"{self._issuer.client_id}:{self._issuer.client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"}
        places = await self._ask_places(now_s)
        try:
            answer = await self._calls.post(places.token_endpoint, content=body.encode(), headers=headers)
        except OutboundError as error:
            raise IssuerError(f"the issuer does not answer: {error}") from error
        if 400 <= answer.status < 500:
            raise NotVouchedError(f"the issuer refuses the code with {answer.status}")
        said: Said = _read(answer, Said)
        return said.id_token

    async def _verified(self, token: str, nonce: str, now_s: int) -> Mapping[str, Any]:
        """The claims of a token that is the issuer's, for us, of now, and an answer to this browser."""
        from authlib.common.errors import AuthlibBaseError
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        try:
            header, payload = await self._signed(token, now_s)
            claims = CodeIDToken(
                payload,
                header,
                options={
                    "iss": {"essential": True, "value": self._issuer.url},
                    "aud": {"essential": True, "value": self._issuer.client_id},
                    "exp": {"essential": True},
                    "iat": {"essential": True},
                },
                params={"nonce": nonce, "client_id": self._issuer.client_id},
            )
            claims.validate(now=now_s, leeway=LEEWAY_S)
        except (JoseError, AuthlibBaseError, ValueError, TypeError) as error:
            raise NotVouchedError(f"the token is not good: {type(error).__name__}: {error}") from error
        # The library takes a token that is for others as well; they could use it here.
        if payload["aud"] not in (self._issuer.client_id, [self._issuer.client_id]):
            raise NotVouchedError("the token is for others too")
        return payload

    async def _signed(self, token: str, now_s: int) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """Header and claims of a token that the issuer's key has signed; a key we have not seen is asked for once."""
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError
        from joserfc.jwk import KeySet

        try:
            found = jwt.decode(
                token, KeySet.import_key_set(await self._ask_keys(now_s)), algorithms=ALGORITHMS
            )
        except InvalidKeyIdError:
            self._until_s = 0
            found = jwt.decode(
                token, KeySet.import_key_set(await self._ask_keys(now_s)), algorithms=ALGORITHMS
            )
        return found.header, found.claims

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        groups = claims.get(self._issuer.claim)
        ways = claims.get("amr") or ()
        given = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        roles = frozenset(
            role for group in given if isinstance(group, str) for role in self._issuer.roles.get(group, ())
        )
        name = claims.get("preferred_username") or claims.get("email") or ""
        return Vouched(
            issuer=self._issuer.url,
            subject=str(claims["sub"]),
            name=str(name).partition("@")[0].strip().lower(),
            full_name=str(claims.get("name") or name)[:200],
            roles=roles,
            proved=any(way in self._issuer.second_factor for way in ways),
        )

    async def _ask_places(self, now_s: int) -> Places:
        if self._places is None or now_s >= self._until_s:
            await self._learn(now_s)
        assert self._places is not None
        return self._places

    async def _ask_keys(self, now_s: int) -> Any:
        if not self._keys or now_s >= self._until_s:
            await self._learn(now_s)
        return self._keys

    async def _learn(self, now_s: int) -> None:
        """Where the issuer is asked for what, and its keys."""
        base = self._issuer.url
        try:
            places = _read(
                await self._calls.get(f"{base.rstrip('/')}/.well-known/openid-configuration"), Places
            )
            if places.issuer != base:
                raise IssuerError(f"{base} says that it is {places.issuer}", "write it as it says itself")
            if urlsplit(places.authorization_endpoint).scheme != urlsplit(base).scheme:
                raise IssuerError("the issuer would send people to an address without TLS")
            keys = _read(await self._calls.get(places.jwks_uri), dict[str, Any])
        except OutboundError as error:
            raise IssuerError(f"the issuer does not answer: {error}") from error
        self._places, self._keys, self._until_s = places, keys, now_s + KEPT_S


def _read(answer: Response, cls: type[Any]) -> Any:
    if answer.status != 200:
        raise IssuerError(f"the issuer answers with {answer.status}")
    try:
        return msgspec.json.decode(answer.body, type=cls)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise IssuerError(f"the issuer's answer cannot be read: {error}") from error


def _follows(what: str, secret: str) -> str:
    """What goes out, as it follows from the browser's secret; none of them tells another, nor the secret."""
    digest = hmac.digest(secret.encode(), f"siaga oidc {what}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
