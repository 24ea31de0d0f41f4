"""The enrolment service: EST (RFC 7030) over HTTPS, as much of it as gateways need.

    GET  /.well-known/est/cacerts         whom to trust: root and issuing authority
    POST /.well-known/est/simpleenroll    a request signed with a fresh key, and a claim's token as HTTP password
    POST /.well-known/est/simplereenroll  a request, and the certificate before it as TLS client certificate

Bodies are base64 of DER, as the RFC has it. A client certificate is checked up to the root but not its dates: a
gateway that was off for weeks is let in by the register, not by its calendar.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from hub.serving import Serving
from provisioning import requests
from provisioning.enrolment import Enrolment
from provisioning.errors import AuthorityError, NotAllowed, ProvisioningError, RequestRefused
from provisioning.throttle import Throttle

log = logging.getLogger(__name__)

EST = "/.well-known/est"
NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python has no name for."""

IDLE_S = 10
GRACE_S = 2
MOST_CONNECTIONS = 256
WELCOME = (
    "Siaga. Kode ini untuk gerbang, bukan untuk peramban: siaga-edge enrol --claim '…'\n"
    "This code is for a gateway, not for a browser: siaga-edge enrol --claim '…'\n"
)


class Service:
    """The service's answers.

    Args:
        now_ms: wall clock in UTC.
        mono_s: a clock that never jumps, for the throttle.
    """

    def __init__(
        self,
        enrolment: Enrolment,
        *,
        now_ms: Callable[[], int],
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._enrolment = enrolment
        self._now_ms = now_ms
        self._mono_s = mono_s
        self._throttle = Throttle()

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/", self._welcome),
                Route(f"{EST}/cacerts", self._cacerts),
                Route(f"{EST}/simpleenroll", self._enrol, methods=["POST"]),
                Route(f"{EST}/simplereenroll", self._renew, methods=["POST"]),
            ]
        )

    async def _welcome(self, request: Request) -> Response:
        return PlainTextResponse(WELCOME)

    async def _cacerts(self, request: Request) -> Response:
        return self._throttled(request) or _certificates(self._enrolment.chain())

    async def _enrol(self, request: Request) -> Response:
        token = _password(request.headers.get("Authorization", ""))

        def sign(asked: requests.Request) -> bytes:
            if token is None:
                raise NotAllowed
            return self._enrolment.enrol(asked, token, address=_address(request), now_ms=self._now_ms())

        return await self._signed(request, "enrol", sign)

    async def _renew(self, request: Request) -> Response:
        shown = getattr(request.state, "shown", None)

        def sign(asked: requests.Request) -> bytes:
            if shown is None:
                raise NotAllowed
            return self._enrolment.renew(asked, shown, address=_address(request), now_ms=self._now_ms())

        return await self._signed(request, "renew", sign)

    async def _signed(
        self, request: Request, what: str, sign: Callable[[requests.Request], bytes]
    ) -> Response:
        busy = self._throttled(request)
        if busy is not None:
            return busy
        gateway = "?"
        try:
            asked = requests.read(await _body(request))
            gateway = asked.gateway
            pem = await run_in_threadpool(sign, asked)
        except (RequestRefused, NotAllowed) as error:
            self._throttle.refused(_address(request), self._mono_s())
            log.warning(
                "enrolment.refused what=%s gateway=%s address=%s reason=%r",
                what,
                gateway,
                _address(request),
                error.message,
            )
            return _refusal(error)
        except AuthorityError as error:
            # A matter of the desk: the gateway tries again later, and its claim is still open.
            log.error("enrolment.failed what=%s gateway=%s error=%s", what, gateway, error)
            return PlainTextResponse("later\n", 503)
        log.info("enrolment.signed what=%s gateway=%s address=%s", what, gateway, _address(request))
        return _certificates(x509.load_pem_x509_certificates(pem))

    def _throttled(self, request: Request) -> Response | None:
        wait_s = self._throttle.wait_s(_address(request), self._mono_s())
        if not wait_s:
            return None
        return PlainTextResponse("later\n", 429, {"Retry-After": str(int(wait_s) + 1)})


class Server(Serving):
    """Listens from its making on; TLS with the city's certificate.

    Raises:
        OSError: the address is taken, or a certificate cannot be read.
    """

    def __init__(self, listen: str, port: int, *, certificate: Path, key: Path, root: Path) -> None:
        context = tls(certificate, key, root)
        super().__init__(
            listen,
            port,
            tls=True,
            grace_s=GRACE_S,
            http=_Http,
            ws="none",
            ssl_context_factory=lambda *_: context,
            timeout_keep_alive=IDLE_S,
            limit_concurrency=MOST_CONNECTIONS,
        )


class _Http(H11Protocol):
    """HTTP that hands on which certificate the client has shown, in DER."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        secure = transport.get_extra_info("ssl_object")
        self.app_state = {**self.app_state, "shown": secure.getpeercert(binary_form=True)}


def tls(certificate: Path, key: Path, root: Path) -> ssl.SSLContext:
    """TLS as the service speaks it: asks for a client certificate, and takes none too."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(root))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= NO_CHECK_TIME
    return context


async def _body(request: Request) -> bytes:
    """The request's DER, from base64 as the RFC has it."""
    text = bytearray()
    try:
        async for part in request.stream():
            text += part
            if len(text) > 2 * requests.LARGEST_BYTES:
                raise RequestRefused("the request is too large")
        return base64.b64decode(bytes(text).translate(None, b"\r\n \t"), validate=True)
    except (binascii.Error, ClientDisconnect) as error:
        raise RequestRefused("the body is not base64") from error


def _password(header: str) -> str | None:
    """The password of HTTP Basic; the name before it says nothing."""
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic" or len(value) > 400:
        return None
    try:
        return base64.b64decode(value, validate=True).decode("ascii").partition(":")[2]
    except (binascii.Error, ValueError):
        return None


def _address(request: Request) -> str:
    return request.client.host if request.client else "?"


def _refusal(error: ProvisioningError) -> Response:
    if isinstance(error, RequestRefused):
        return PlainTextResponse(error.message + "\n", 400)
    # The same for a claim that never was, is used, has ended, or is another gateway's.
    return PlainTextResponse(str(error) + "\n", 401, {"WWW-Authenticate": 'Basic realm="siaga"'})


def _certificates(chain: list[x509.Certificate]) -> Response:
    der = pkcs7.serialize_certificates(chain, serialization.Encoding.DER)
    return Response(
        base64.encodebytes(der),
        media_type="application/pkcs7-mime; smime-type=certs-only",
        headers={"Content-Transfer-Encoding": "base64"},
    )
