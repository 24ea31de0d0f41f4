"""The one way by which the hub speaks to addresses that are configured by people: HTTP, or TLS that another speaks in.

A request or connection goes only to a host that is on the allow-list, to an address that was looked up once and judged,
and nowhere else: no redirects, no proxies from the environment, no private, link-local, loopback or metadata address
unless that exact host and port may be private. InfluxDB is not reached by this; its address is the hub's own.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import httpx

from hub.errors import HubError

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Looks a host up: all its addresses, in the order of preference."""

PORTS = {"https": 443, "http": 80, "mqtts": 8883}
WEB = frozenset({"https", "http"})
MQTT = frozenset({"mqtts"})

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
"""Of the registries of special addresses (RFC 6890 and later) what Python 3.11 calls global."""


class OutboundError(HubError):
    """A request was not answered.

    Attributes:
        status: the HTTP status, where one came before the failure.
    """

    def __init__(self, message: str, hint: str = "", *, status: int | None = None) -> None:
        super().__init__(message, hint)
        self.status = status


class ForbiddenError(OutboundError):
    """The hub may not go there; asking again does not help."""


class PrivateAddressError(ForbiddenError):
    """The name has an address that the hub may not go to; names get other addresses again."""

    retryable = True


class UnreachableError(OutboundError):
    """No answer came: name not found, connection refused, time over, TLS failed."""

    retryable = True


class TooLargeError(OutboundError):
    """The answer is larger than the limit; ``status`` is what it began with."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: its status, headers (lower-case names) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def resolve_by_system(host: str, port: int) -> list[str]:
    """Every address of the host by the system's resolver.

    Raises:
        OSError: there is none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, looking through every way to write IPv4 in IPv6."""
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        # All that is given out of the public internet is in there. What is outside embeds IPv4 in forms that Python
        # does not know (RFC 8215, 2765, 4291), is of one site, or is nobody's.
        if ip not in _UNICAST:
            return False
    return (
        ip.is_global
        and not ip.is_multicast
        and not any(ip in net for net in _SPECIAL if net.version == ip.version)
    )


class Outbound:
    """Requests and connections to a short list of hosts. Safe for several at once.

    Args:
        allow: hosts as ``host`` (port 443) or ``host:port``; TLS only.
        allow_private: hosts as ``host:port`` that may have a private address and may be spoken to without TLS; each
            is allowed by being here.
        timeout_s: for the whole request, from the lookup to the last byte; for a connection, until TLS stands.
        most_bytes: of an answer's body.
        resolve, transport, verify: replace the resolver, the connections and the trusted authorities.
    """

    def __init__(
        self,
        allow: Collection[str],
        *,
        allow_private: Collection[str] = (),
        timeout_s: float = 10.0,
        most_bytes: int = 64 * 1024,
        resolve: Resolve = resolve_by_system,
        transport: httpx.AsyncBaseTransport | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._private = frozenset(_host_port(entry) for entry in allow_private)
        self._allow = frozenset(_host_port(entry) for entry in allow) | self._private
        self.timeout_s = timeout_s
        self._most_bytes = most_bytes
        self._resolve = resolve
        # Connections are pinned to an address and verified for a name; none is kept for a request to another name.
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=verify if verify is not None else True,
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
        )

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str]) -> Response:
        """POST to a URL and return the answer, whatever its status; a redirect is an answer too.

        Raises:
            ForbiddenError: the URL, its host or its address is not allowed; retryable where it is the address.
            UnreachableError: retryable; no whole answer came in time.
            TooLargeError: retryable; the answer's body is over the limit.
        """
        return await self._request("POST", url, content, headers)

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        """GET a URL and return the answer; as ``post``.

        Raises:
            ForbiddenError, UnreachableError, TooLargeError: as ``post``.
        """
        return await self._request("GET", url, b"", headers or {})

    async def send(
        self, method: str, url: str, *, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        """Any other request; as ``post``.

        Raises:
            ForbiddenError, UnreachableError, TooLargeError: as ``post``.
        """
        return await self._request(method, url, content, headers or {})

    async def dial(self, url: str, tls: ssl.SSLContext) -> ssl.SSLSocket:
        """Connect to the host of an ``mqtts`` URL: a socket on which TLS stands with who the name belongs to, and that
        does not block. Whoever takes it closes it.

        Raises:
            ForbiddenError, UnreachableError: as ``post``.
        """
        target = self.judge(url, MQTT)
        with _told(target.host, self.timeout_s):
            async with asyncio.timeout(self.timeout_s):
                return await _secure(await self._pin(target), _port(target), target.host, tls)

    async def aclose(self) -> None:
        """Close what is open. Idempotent."""
        await self._client.aclose()

    async def _request(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Response:
        target = self.judge(url)
        with _told(target.host, self.timeout_s):
            async with asyncio.timeout(self.timeout_s):
                address = await self._pin(target)
                return await self._exchange(method, target, address, content, headers)

    def judge(self, url: str, schemes: Collection[str] = WEB) -> httpx.URL:
        """Whether the hub may call there by its name; what the name's address is, is judged at each request.

        Raises:
            ForbiddenError: it may not.
        """
        try:
            target = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise ForbiddenError(f"not a URL: {error}") from error
        if target.scheme not in schemes or not target.host or target.userinfo:
            named = " and ".join(sorted(schemes))
            raise ForbiddenError(f"only {named} URLs with a host and without a login are used")
        place = (target.host.lower(), _port(target))
        if place not in self._allow:
            raise ForbiddenError(f"{place[0]}:{place[1]} is not on the allow-list", "add it if it is meant")
        if target.scheme == "http" and place not in self._private:
            raise ForbiddenError(f"{place[0]}:{place[1]} is not spoken to without TLS", "use https")
        return target

    async def _pin(self, target: httpx.URL) -> str:
        """The address to connect to; one bad address among several refuses them all."""
        addresses = await self._resolve(target.host, _port(target))
        if not addresses:
            raise UnreachableError(f"{target.host} has no address")
        if (target.host.lower(), _port(target)) not in self._private:
            for address in addresses:
                if not is_public(address):
                    raise PrivateAddressError(
                        f"{target.host} has the private address {address}",
                        "list it as private if it is meant",
                    )
        return addresses[0]

    async def _exchange(
        self, method: str, target: httpx.URL, address: str, content: bytes, headers: Mapping[str, str]
    ) -> Response:
        request = self._client.build_request(
            method,
            target.copy_with(host=address),
            content=content,
            headers={**headers, "Host": target.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": target.host},
        )
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._most_bytes:
                    raise TooLargeError(
                        f"{target.host}: answer over {self._most_bytes} bytes", status=response.status_code
                    )
            plain = {name.lower(): value for name, value in response.headers.items()}
            return Response(response.status_code, plain, bytes(body))
        finally:
            await response.aclose()


@contextmanager
def _told(host: str, timeout_s: float) -> Iterator[None]:
    """What goes wrong on the way there is an ``UnreachableError``."""
    try:
        yield
    except TimeoutError as error:
        raise UnreachableError(f"{host}: no answer within {timeout_s:g} s") from error
    except (httpx.HTTPError, OSError) as error:
        raise UnreachableError(f"{host}: {type(error).__name__}: {error}") from error


async def _secure(address: str, port: int, host: str, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """Connect to an address and begin TLS with it as that host.

    Raises:
        OSError: nobody listens there, or it is not who it should be.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    plain = socket.socket(family, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, (address, port))
        # From here on the wrapped socket owns the connection; the plain one is an empty shell.
        secure = tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        plain.close()
        raise
    try:
        await _shake_hands(secure)
    except BaseException:
        secure.close()
        raise
    return secure


async def _shake_hands(secure: ssl.SSLSocket) -> None:
    while True:
        try:
            secure.do_handshake()
        except ssl.SSLWantReadError:
            await _until(secure, "reader")
        except ssl.SSLWantWriteError:
            await _until(secure, "writer")
        else:
            return


async def _until(secure: ssl.SSLSocket, end: Literal["reader", "writer"]) -> None:
    """Wait until the socket can be read from, or written to."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    add, remove = {
        "reader": (loop.add_reader, loop.remove_reader),
        "writer": (loop.add_writer, loop.remove_writer),
    }[end]
    add(secure.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        remove(secure.fileno())


def _port(url: httpx.URL) -> int:
    return url.port if url.port is not None else PORTS[url.scheme]


def _host_port(entry: str) -> tuple[str, int]:
    url = httpx.URL(f"https://{entry}")
    return url.host.lower(), _port(url)
