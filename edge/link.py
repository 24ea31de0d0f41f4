"""The gateway's connection to the hub's broker: MQTT 5 over mutual TLS.

Everything that is decided is decided in Session, which does no input or output; this is the shell that carries
what it says. A connection is one ``Client`` object, used once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from contract import topics
from edge import identity, mqtt
from edge.cancelled import raise_if_cancelled
from edge.clock import Clock
from edge.config import Broker
from edge.errors import CardError, CertificateError
from edge.session import Publish, Session

log = logging.getLogger(__name__)

PUBACK_TIMEOUT_S = 90.0
"""A publish without its PUBACK for this long means a dead connection; beyond any keepalive of ours."""

PANIC_PUBACK_S = 4.0
"""A panic without its PUBACK for this long stands behind what the socket had taken before the line became slow. A
new connection puts it first again; each time in vain waits twice as long, in case the line is just that slow."""

LONGEST_PANIC_PUBACK_S = 32.0

PANIC_LOOK_S = 0.2
"""How often it is looked whether a panic still waits, before a connection is left on purpose."""

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 60.0
LONGEST_DELAY_WITH_PANIC_S = 4.0
"""Reconnects are not put off for longer than this while a panic waits."""

STEADY_S = 30.0
"""A connection that held this long starts the delays anew."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: uniform between nothing and a ceiling that doubles, so that a returning fleet does not storm."""

    first_s: float = FIRST_DELAY_S
    longest_s: float = LONGEST_DELAY_S

    def delay_s(self, attempt: int, random: Random, *, urgent: bool) -> float:
        """Seconds to wait before the attempt (counted from 0)."""
        longest = min(self.longest_s, LONGEST_DELAY_WITH_PANIC_S) if urgent else self.longest_s
        return random.uniform(0, min(longest, self.first_s * 2 ** min(attempt, 16)))


class Patience:
    """How long a panic's PUBACK is waited for: doubled when it was in vain, short again when one came."""

    def __init__(self) -> None:
        self.wait_s = PANIC_PUBACK_S

    def answered(self) -> None:
        """A PUBACK came."""
        self.wait_s = PANIC_PUBACK_S

    def in_vain(self) -> None:
        """None came in time."""
        self.wait_s = min(LONGEST_PANIC_PUBACK_S, 2 * self.wait_s)


class Link:
    """Keeps one connection to the broker for as long as ``run`` runs, and carries the session over it."""

    def __init__(
        self,
        broker: Broker,
        session: Session,
        *,
        clock: Clock,
        random: Random,
    ) -> None:
        self._broker = broker
        self._session = session
        self._clock = clock
        self._random = random
        self._changed = asyncio.Event()
        self._newer = asyncio.Event()
        self._credentials = Credentials(broker)
        self._backoff = Backoff()
        self._patience = Patience()
        self._synced: bool | None = None
        self.trouble = ""
        """Why there is no connection; empty while there is one, and before the first try has ended."""

    def wake(self) -> None:
        """Something waits to be sent: look at once. Called in the event loop."""
        self._changed.set()

    def renewed(self) -> None:
        """There is a new certificate: connect anew with it, once no panic waits. Called in the event loop."""
        self._newer.set()

    async def run(self) -> None:
        """Connect, carry, connect again; ends only by cancellation.

        Raises:
            CorruptCard: the spool is to be made anew; then call again.
            CertificateError: the certificates cannot be used.
        """
        self._credentials.read()
        attempt = 0
        while True:
            began_ms = self._clock.mono_ms()
            try:
                await self._one(self._trusting())
            except* (mqtt.MqttError, OSError, TimeoutError, CardError) as group:
                self.trouble = _first(group)
                log.warning("link.down reason=%s", self.trouble)
            held_s = (self._clock.mono_ms() - began_ms) / 1000
            attempt = 0 if held_s > STEADY_S else attempt + 1
            await self._pause(attempt)

    async def _pause(self, attempt: int) -> None:
        """Wait before the next try; a press that comes meanwhile makes it short."""
        loop = asyncio.get_running_loop()
        urgent = self._session.panic_waits
        until_s = loop.time() + self._backoff.delay_s(attempt, self._random, urgent=urgent)
        while not urgent:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(until_s):
                    await self._changed.wait()
            except TimeoutError:
                return
            urgent = self._session.panic_waits
            if urgent:
                soon_s = self._backoff.delay_s(attempt, self._random, urgent=True)
                until_s = min(until_s, loop.time() + soon_s)
        await asyncio.sleep(until_s - loop.time())

    def _trusting(self) -> ssl.SSLContext:
        """TLS for the next connection, which heeds dates only where our clock can judge them."""
        context = self._credentials.newest()
        synced = self._clock.discipline().synced
        if synced != self._synced:
            log.info("link.dates heeded=%s", synced)
            self._synced = synced
        identity.heed_dates(context, synced=synced)
        return context

    async def _one(self, context: ssl.SSLContext) -> None:
        """One connection, in a task of its own.

        A TaskGroup forgets that it was cancelled when one of its tasks fails at the same moment; the gateway would
        then go on for ever when it should stop. Here only the connection can forget it, and that ends anyway.
        """
        connection = asyncio.create_task(self._connection(context), name="link-connection")
        try:
            await asyncio.wait((connection,))
        finally:
            connection.cancel()
            [result] = await asyncio.gather(connection, return_exceptions=True)
        if isinstance(result, Exception):
            raise result

    async def _connection(self, context: ssl.SSLContext) -> None:
        session, broker = self._session, self._broker
        name = self._random.randbytes(8).hex()
        will = session.will(name)
        client = mqtt.client(
            broker.host,
            broker.port,
            identifier=session.gateway,
            keepalive_s=broker.keepalive_s,
            tls=context,
            will=(will.topic, will.payload),
        )
        try:
            async with client:
                try:
                    await self._carry(client, name)
                except Exception:
                    mqtt.discard(client)
                    raise
        finally:
            session.disconnected(self._clock.mono_ms())

    async def _carry(self, client: mqtt.Client, name: str) -> None:
        session, broker = self._session, self._broker
        await client.subscribe(topics.gateway_filter(session.cell, session.gateway), qos=1)
        raise_if_cancelled()
        self.trouble = ""
        log.info("link.up broker=%s:%d", broker.host, broker.port)
        async with asyncio.TaskGroup() as group:
            carry = _Carrier(client, session, self._clock, group, self._patience)
            carry.publish_all(session.connected(name, self._clock.mono_ms()))
            working = (
                group.create_task(self._receive(client, carry), name="link-receive"),
                group.create_task(self._send(carry), name="link-send"),
                group.create_task(self._beats(carry), name="link-beat"),
            )
            group.create_task(self._leave(working), name="link-leave")

    async def _leave(self, working: Sequence[asyncio.Task[None]]) -> None:
        """End this connection in good order when there is a new certificate; what is under way gets its PUBACK."""
        await self._newer.wait()
        while self._session.panic_waits:  # noqa: ASYNC110 - a panic's end has no event, and this is rare
            await asyncio.sleep(PANIC_LOOK_S)
        self._newer.clear()
        log.info("link.renewing")
        for task in working:
            task.cancel()

    async def _receive(self, client: mqtt.Client, carry: _Carrier) -> None:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            carry.publish_all(self._session.received(message.topic.value, payload, self._clock.mono_ms()))
            self._changed.set()

    async def _send(self, carry: _Carrier) -> None:
        while True:
            self._changed.clear()
            step = self._session.next(self._clock.mono_ms())
            if isinstance(step, Publish):
                carry.publish(step, on_done=self._changed.set)
                await asyncio.sleep(0)
                continue
            timeout = max(0.0, (step - self._clock.mono_ms()) / 1000)
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the event.
                async with asyncio.timeout(min(timeout, 5.0)):
                    await self._changed.wait()

    async def _beats(self, carry: _Carrier) -> None:
        while True:
            carry.publish(self._session.beat(self._clock.mono_ms()))
            await asyncio.sleep(self._session.interval_s)


class _Carrier:
    """Publishes of one connection, each a named task that ends at its PUBACK."""

    def __init__(
        self,
        client: mqtt.Client,
        session: Session,
        clock: Clock,
        group: asyncio.TaskGroup,
        patience: Patience,
    ) -> None:
        self._client = client
        self._session = session
        self._clock = clock
        self._group = group
        self._patience = patience

    def publish_all(self, messages: list[Publish]) -> None:
        for message in messages:
            self.publish(message)

    def publish(self, message: Publish, on_done: Callable[[], None] = lambda: None) -> None:
        """Publish in a task of its own.

        Raises:
            mqtt.MqttError: another task has found the connection broken, and this one is not cancelled yet.
        """
        leaf = message.topic.rsplit("/", 1)[-1]
        publishing = self._panic(message, on_done) if leaf == "panic" else self._puback(message, on_done)
        try:
            self._group.create_task(publishing, name=f"publish-{leaf}")
        except RuntimeError as error:  # all that a TaskGroup says when it is ending
            publishing.close()
            raise mqtt.MqttError("the connection is ending") from error

    async def _panic(self, message: Publish, on_done: Callable[[], None]) -> None:
        try:
            await self._puback(message, on_done, timeout_s=self._patience.wait_s)
        except mqtt.MqttError:
            self._patience.in_vain()
            raise
        self._patience.answered()

    async def _puback(
        self, message: Publish, on_done: Callable[[], None], *, timeout_s: float = PUBACK_TIMEOUT_S
    ) -> None:
        await self._client.publish(
            message.topic, message.payload, qos=1, retain=message.retain, timeout=timeout_s
        )
        if message.token is not None:
            self._session.acknowledged(message.token, self._clock.mono_ms())
        on_done()


class Credentials:
    """TLS with the certificates of the files, which are read again when they have changed."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._seen: object = None
        self._context: ssl.SSLContext

    def read(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            CertificateError: they cannot be used.
        """
        authority, certificate, key = map(str, self._files())
        self._seen = self._look()
        try:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authority)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(certificate, key)
        except OSError as error:  # ssl.SSLError is one
            raise CertificateError(
                "certificate",
                f"{authority}, {certificate} or {key} cannot be used: {error}",
                "they are given at enrolment; a key and its certificate belong together",
            ) from error
        self._context = context
        return context

    def newest(self) -> ssl.SSLContext:
        """As the files are now; as they were, where they cannot be used any more."""
        if self._look() != self._seen:
            try:
                return self.read()
            except CertificateError as error:
                log.error("link.certificate_unusable error=%s", error)
        return self._context

    def _files(self) -> tuple[Path, Path, Path]:
        return self._broker.ca_file, self._broker.cert_file, self._broker.key_file

    def _look(self) -> object:
        try:
            return [(found.st_ino, found.st_mtime_ns) for found in (path.stat() for path in self._files())]
        except OSError:
            return None


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
