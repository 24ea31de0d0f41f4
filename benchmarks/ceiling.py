"""The ceiling: ready line protocol to the same InfluxDB, without broker, hub, rules or receipts.

Two kinds of requests: ``spread`` has one point of each of some 5,000 series, as benchmarks of time series databases do;
``alike`` has the very lines that the hub would write for its frames, ten of a series beside each other, which InfluxDB
takes faster.
"""

from __future__ import annotations

import base64
import http.client
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Sequence
from typing import Any

from benchmarks.frames import Sender, frames
from benchmarks.shape import Shape
from hub.series.lines import encode_whole
from simulator.servers import Influx

CONNECTIONS = 2
LINES = 5_000
"""Lines of a request."""

NO_CONTENT = 204


class NotTaken(Exception):
    """InfluxDB did not take the lines."""


def alike(senders: Sequence[Sender], shape: Shape, lines: int, *, epoch: str, start_ms: int) -> deque[bytes]:
    """At least so many lines of those gateways' frames, in requests of LINES."""
    number = -(-lines // (shape.records * len(senders)))
    streams = [frames(one, shape, number, epoch=epoch, start_ms=start_ms) for one in senders]
    ready: deque[bytes] = deque()
    waiting: list[bytes] = []
    for turn in zip(*streams, strict=True):
        waiting += [encode_whole(frame, one.site) or b"" for one, frame in zip(senders, turn, strict=True)]
        while len(waiting) * shape.records >= LINES:
            ready.append(b"\n".join(waiting[: LINES // shape.records]))
            del waiting[: LINES // shape.records]
    return ready


def spread(senders: Sequence[Sender], shape: Shape, lines: int, *, epoch: str, start_ms: int) -> deque[bytes]:
    """At least so many lines, in requests that have each series of those gateways' frames once, as far as LINES go."""
    firsts: dict[bytes, bytes] = {}
    for sender in senders:
        for frame in frames(sender, shape, shape.groups, epoch=epoch, start_ms=start_ms):
            for line in (encode_whole(frame, sender.site) or b"").split(b"\n"):
                series, value, _ = line.split(b" ")
                firsts.setdefault(series, value)
    once = [b"%b %b @" % first for first in firsts.items()]
    again = [line.replace(b"@", b"#") for line in once]  # a millisecond later
    template = b"\n".join([*once, *again][:LINES])
    times = range(start_ms, start_ms + 2 * -(-lines // LINES), 2)
    return deque(
        template.replace(b"@", b"%d000000" % time_ms).replace(b"#", b"%d000000" % (time_ms + 1))
        for time_ms in times
    )


class Poster:
    """Posts bodies one after the other on a connection of its own, and counts what is taken."""

    def __init__(self, influx: Influx, ready: deque[bytes]) -> None:
        self.lines = 0
        self.error: Exception | None = None
        self._influx = influx
        self._ready = ready
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ceiling", daemon=True)

    def start(self) -> None:
        """Begin to post."""
        self._thread.start()

    def stop(self) -> None:
        """Post no more; wait until what is in flight is taken."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._influx.port, timeout=30)
        path, headers = _request(self._influx)
        try:
            while self._ready and not self._stop.is_set():
                connection.request("POST", path, body=self._ready.popleft(), headers=headers)
                answer = connection.getresponse()
                said = answer.read()
                if answer.status != NO_CONTENT:
                    raise NotTaken(f"HTTP {answer.status}: {said[:200]!r}")
                self.lines += LINES
        except Exception as error:
            self.error = error
        finally:
            connection.close()


def measure(influx: Influx, ready: deque[bytes], *, warm_s: float, seconds: float) -> dict[str, Any]:
    """Lines that were taken a second, once it runs.

    Raises:
        NotTaken: InfluxDB refuses the lines, or there were too few of them.
    """
    posters = [Poster(influx, ready) for _ in range(CONNECTIONS)]
    for poster in posters:
        poster.start()
    time.sleep(warm_s)
    opened_s, before = time.monotonic(), sum(poster.lines for poster in posters)
    time.sleep(seconds)
    lines, lasted_s = sum(poster.lines for poster in posters) - before, time.monotonic() - opened_s
    used_up = not ready
    for poster in posters:
        poster.stop()
    for poster in posters:
        if poster.error is not None:
            raise NotTaken(str(poster.error)) from poster.error
    if used_up:
        raise NotTaken("fewer lines were ready than InfluxDB takes in that time")
    return {"lines_per_s": lines / lasted_s}


def _request(influx: Influx) -> tuple[str, dict[str, str]]:
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    if influx.login is not None:
        login = base64.b64encode(":".join(influx.login).encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    return "/write?" + urllib.parse.urlencode({"db": influx.database}), headers
