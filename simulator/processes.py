"""Child processes that die with us: started on a free port, waited for until ready, ended cleanly or killed.

A child runs in a session of its own, so that Ctrl-C in a terminal reaches only us and we end it in our
order; and the kernel kills it when we die, however we die (setpriv --pdeathsig). That is tied to the thread
that starts the child, so start children from the main thread.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PORTS = range(15_000, 32_000)
"""Below Linux's range for outgoing connections: a port there can be taken by a client between our look and
the server's start, and a client that knocks on a dead port there can even connect to itself."""

_ASKED: set[int] = set()


class ServerFailed(Exception):
    """A server did not start or did not become ready.

    Attributes:
        hint: the last lines it wrote.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message + (f"\n{hint}" if hint else ""))
        self.hint = hint


class ProgramMissing(ServerFailed):
    """A program is not installed on this machine."""


class PortTaken(ServerFailed):
    """Another program listens on the port that was asked for.

    Attributes:
        port: which.
    """

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is taken")
        self.port = port


class ChildDied(ServerFailed):
    """A part of the city has ended by itself."""


def is_free(port: int) -> bool:
    """Whether nobody listens on that port of 127.0.0.1 and we may."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Wish:
    """Which port is wanted.

    Attributes:
        port: None or 0 for any.
        must: nothing else will do; else any other is as good when it is taken.
    """

    port: int | None = None
    must: bool = False

    def choose(self) -> int:
        """The port to take now.

        Raises:
            PortTaken: the one that must be is taken.
        """
        if not self.port:
            return free_port()
        if is_free(self.port):
            return self.port
        if self.must:
            raise PortTaken(self.port)
        return free_port()


ANY_PORT = Wish()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now and that this process has not handed out before."""
    for _ in range(1000):
        port = random.choice(_PORTS)
        if port in _ASKED:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _ASKED.add(port)
            return port
    raise ServerFailed("no free port between 15000 and 32000")


def ports() -> Iterator[int]:
    """Ports to try, a few: another process may take one just before the server does."""
    for _ in range(5):
        yield free_port()


class Child:
    """One child process with a log file. Its constructor only stores; ``start`` starts it.

    Args:
        name: for messages.
        command: program and arguments.
        log: file that takes what it writes, appended to over restarts.
        death: signal that the kernel sends it when we die.
        user: account to run as when we are root.
        environment: its whole environment; None hands on ours.
        pid_file: where its process id is noted at each start, for who sends it signals.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        death: signal.Signals = signal.SIGKILL,
        user: str | None = None,
        environment: dict[str, str] | None = None,
        cwd: Path | None = None,
        pid_file: Path | None = None,
    ) -> None:
        self.name = name
        self._pid_file = pid_file
        self.log = log
        self._command = [str(part) for part in command]
        self._death = death
        self._user = user
        self._environment = environment
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running or last child."""
        if self._process is None:
            raise ServerFailed(f"{self.name} was never started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """How it ended, None while it runs or before its start."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it; no-op while it runs.

        Raises:
            ServerFailed: the program is not there.
        """
        if self.alive:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = ["setpriv", "--pdeathsig", self._death.name.removeprefix("SIG")]
        if self._user is not None and os.geteuid() == 0:
            command += [f"--reuid={self._user}", f"--regid={self._user}", "--init-groups"]
        with self.log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    [*command, "--", *self._command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=self._environment,
                    cwd=self._cwd,
                )
            except OSError as error:
                raise ServerFailed(f"{self.name} cannot be started: {error}") from error
        if self._pid_file is not None:
            self._pid_file.write_text(str(self.pid))

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float, poll_s: float = 0.02) -> None:
        """Wait until ``ready`` says so.

        Raises:
            ServerFailed: it died, or the time is over; with its last words.
        """
        end = time.monotonic() + timeout_s
        while not ready():
            if not self.alive:
                raise ServerFailed(
                    f"{self.name} ended with {self.returncode} before it was ready", self.last_words()
                )
            if time.monotonic() > end:
                raise ServerFailed(f"{self.name} is not ready after {timeout_s:g} s", self.last_words())
            time.sleep(poll_s)

    def wait(self, timeout_s: float) -> int | None:
        """Wait for its end; how it ended, None while it still runs after that time."""
        if self._process is None:
            return None
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, how: signal.Signals = signal.SIGTERM, *, timeout_s: float = 15) -> int | None:
        """Ask it to end, and kill it if it does not in time. Idempotent.

        Returns:
            How it ended: 0 for a clean end, negative for a signal, None if it never ran.
        """
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)  # one that was frozen would never hear of it
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return process.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it as kill -9 does and wait for its end. Idempotent."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def rss_bytes(self) -> int:
        """Its resident memory now, 0 when it does not run."""
        with contextlib.suppress(OSError, ValueError):
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0


def listens(port: int) -> bool:
    """Whether something takes TCP connections on that port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
