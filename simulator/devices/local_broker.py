"""The broker of a site's nodes, as a real Mosquitto with the configuration that Siaga ships, and who speaks to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from simulator.processes import Child, ServerFailed, listens, ports

SHIPPED = Path(__file__).resolve().parents[2] / "firmware_configs" / "local_broker"
PASSWORDS = {"siaga-edge": "rahasia-gerbang", "nodes": "rahasia-simpul"}
READY_S = 20.0


class LocalMosquitto:
    """A Mosquitto for nodes, on a port of its own that it keeps over ``kill`` and ``start`` again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child: Child | None = None
        self.port = 0

    @property
    def password_file(self) -> Path:
        """What the gateway shows."""
        return self._folder / "gateway.password"

    def start(self) -> None:
        """Start it.

        Raises:
            ServerFailed: it does not start.
        """
        if self._child is not None:
            self._child.start()
            self._child.wait_until(lambda: listens(self.port), timeout_s=READY_S)
            return
        self._write_passwords()
        for self.port in ports():
            child = Child("local mosquitto", [_program(), "-c", self._written()], self._folder / "local.log")
            child.start()
            with contextlib.suppress(ServerFailed):
                child.wait_until(lambda: listens(self.port), timeout_s=READY_S)
                self._child = child
                return
            child.kill()
        raise ServerFailed("mosquitto found no port")

    def kill(self) -> None:
        """kill -9."""
        assert self._child is not None
        self._child.kill()

    def stop(self) -> None:
        """End it. Idempotent."""
        if self._child is not None:
            self._child.stop()

    def _write_passwords(self) -> None:
        self.password_file.write_text(PASSWORDS["siaga-edge"] + "\n")
        passwords = self._folder / "siaga.passwd"
        passwords.touch(mode=0o600)
        for name, word in PASSWORDS.items():
            subprocess.run(["mosquitto_passwd", "-b", passwords, name, word], check=True, timeout=10)

    def _written(self) -> Path:
        text = (SHIPPED / "mosquitto.conf").read_text()
        shutil.copy(SHIPPED / "siaga.acl", self._folder / "siaga.acl")
        text = text.replace("/etc/mosquitto/", f"{self._folder}/")
        text = text.replace("listener 1883 127.0.0.1", f"listener {self.port} 127.0.0.1", 1)
        if os.geteuid() == 0:  # started as root it becomes another account, which could not read its files
            text = f"user root\n{text}"
        path = self._folder / "local.conf"
        path.write_text(text)
        return path


class Speaker:
    """A connection to a local broker as whoever speaks for nodes."""

    def __init__(self, port: int, name: str = "nodes", *, will: tuple[str, bytes] | None = None) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        self._client.username_pw_set(name, PASSWORDS[name])
        self._port = port
        if will is not None:
            self._client.will_set(will[0], will[1], qos=1)
        self.heard: list[tuple[str, bytes]] = []
        self.on_message: Callable[[str, bytes], None] = lambda _topic, _payload: None
        """Told of what comes, in another thread."""
        self._subscribed = threading.Event()
        self._client.on_message = self._message
        self._client.on_subscribe = lambda *_: self._subscribed.set()

    def __enter__(self) -> Speaker:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: bytes | str, *, retain: bool = False, wait: bool = True) -> None:
        """Publish, and wait until the broker has it; not from ``on_message``, which would wait for itself."""
        told = self._client.publish(topic, payload, qos=1, retain=retain)
        if wait:
            told.wait_for_publish(10)

    def listen(self, topic: str) -> None:
        """Keep what comes on a topic in ``heard``."""
        self._client.subscribe(topic, qos=1)
        self._subscribed.wait(10)

    def vanish(self) -> None:
        """Go without a word, so that the broker publishes the will."""
        inner: Any = self._client
        inner._sock_close()

    def until(self, so: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait for something that was said to come.

        Raises:
            TimeoutError: it did not.
        """
        end = time.monotonic() + timeout_s
        while not so():
            if time.monotonic() > end:
                raise TimeoutError(str(self.heard[-3:]))
            time.sleep(0.005)

    def _message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))
        self.on_message(message.topic, bytes(message.payload))


def _program() -> str:
    found = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        raise ServerFailed("mosquitto is not installed", "run setup/install demo")
    return found
