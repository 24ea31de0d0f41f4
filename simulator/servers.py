"""The real servers of a city as child processes: Mosquitto, InfluxDB 1.x and PostgreSQL.

Each keeps its data under the folder it is given, listens on 127.0.0.1 on a port of its own, and keeps that
port over ``kill`` and ``start`` again, as a real one does.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import os
import pwd
import secrets
import shutil
import signal
import socket
import ssl
import urllib.parse
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from provisioning import acl, broker
from provisioning.ca import Authority, Identity
from provisioning.certificates import pem, revocation_list
from provisioning.names import HUB_CONTROL, HUB_TELEMETRY
from simulator import proc
from simulator.processes import Child, ProgramMissing, ServerFailed, listens, ports

READY_S = 30.0
PID = "mosquitto.pid"


class Mosquitto:
    """A broker as Siaga configures it.

    Gateways are enrolled before or while it runs; one certificate is one connection.

    Args:
        authority: of a city that has one; else it makes a throw-away one of its own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        gateways: Iterable[acl.Enrolled] = (),
        limits: broker.Limits = broker.DEFAULT_LIMITS,
        authority: Authority | None = None,
    ) -> None:
        self.folder = folder
        self._city = authority
        self._gateways = {one.gateway: one for one in gateways}
        self._limits = limits
        self._child: Child | None = None
        self.authority: Authority
        self.host = "127.0.0.1"
        self.port = 0

    @property
    def child(self) -> Child:
        """The process, once started."""
        if self._child is None:
            raise ServerFailed("the broker was never started")
        return self._child

    @property
    def ca_file(self) -> Path:
        """Certificate of the authority that signed everybody."""
        return self.authority.certificate

    def start(self) -> None:
        """Start it, the first time on a free port with new certificates, later again on the same port."""
        if self._child is not None:
            self._child.start()
            self._child.wait_until(partial(self._ready, self._child), timeout_s=READY_S)
            return
        self.authority = self._city or Authority.create(self.folder / "ca", name="Siaga throw-away authority")
        identity = self.authority.server("broker", ("127.0.0.1", "localhost"))
        # Started as root, Mosquitto becomes another account, which could not read keys of mode 0600.
        user = "root" if os.geteuid() == 0 else None
        for self.port in ports():
            listener = broker.Listener(self.host, self.port, identity, user)
            config = broker.write(
                self.folder, listener, self._gateways.values(), self._list(()), self._limits
            )
            child = Child(
                "mosquitto",
                [_program("mosquitto"), "-c", config],
                self.folder / "mosquitto.log",
                pid_file=self.folder / PID,
            )
            child.start()
            with contextlib.suppress(ServerFailed):
                child.wait_until(partial(self._ready, child), timeout_s=READY_S)
                self._child = child
                return
            child.kill()
        raise ServerFailed("mosquitto found no port", child.last_words())

    @property
    def reload(self) -> list[str]:
        """The command by which the running broker reads its files anew, also after it was started again."""
        return ["sh", "-c", f"kill -HUP $(cat '{self.folder / PID}')"]

    def _list(self, revoked: Iterable[int], *, now: dt.datetime | None = None) -> bytes:
        now = now or dt.datetime.now(dt.UTC)
        return pem(revocation_list(self.authority.signer, [(serial, now) for serial in revoked], now=now))

    def revoke(self, *serials: int, now: dt.datetime | None = None) -> None:
        """Give it a list with these serial numbers and no other, issued then. A connection that stands stays."""
        broker.write_crl(self.folder, self._list(serials, now=now))
        self.child.signal(signal.SIGHUP)

    def enrol(self, gateway: str, cell: int = 0) -> Identity:
        """Let a gateway speak from now on; its certificate. A gateway enrolled again gets a new one."""
        self._gateways[gateway] = acl.Enrolled(gateway, cell)
        self._apply()
        return self.authority.gateway(gateway)

    def expel(self, gateway: str) -> None:
        """Take a gateway's rights away; its certificate stays valid and may do nothing. Idempotent."""
        self._gateways.pop(gateway, None)
        self._apply()

    def hub_control(self) -> Identity:
        """Certificate of the hub's control connection."""
        return self.authority.hub(HUB_CONTROL)

    def hub_telemetry(self) -> Identity:
        """Certificate of the hub's telemetry connection."""
        return self.authority.hub(HUB_TELEMETRY)

    def answers(self) -> bool:
        """Whether it takes connections now."""
        return listens(self.port)

    def kill(self) -> None:
        """kill -9."""
        self.child.kill()

    def stop(self) -> None:
        """End it. Idempotent."""
        if self._child is not None:
            self._child.stop()

    def _ready(self, child: Child) -> bool:
        """It listens before it minds signals: a SIGHUP in between, as after an enrolment, would end it."""
        return listens(self.port) and proc.minds(child.pid, signal.SIGHUP)

    def _apply(self) -> None:
        broker.write_acl(self.folder, self._gateways.values())
        self.child.signal(signal.SIGHUP)


def client_context(identity: Identity) -> ssl.SSLContext:
    """TLS as a client of the broker speaks it: trusts only the city's authority, shows its own
    certificate."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(identity.authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(identity.certificate, identity.key)
    return context


class Influx:
    """An InfluxDB 1.x with HTTP only, its data under the folder.

    Args:
        cache_kb: memory in which it gathers points before it packs them, as it counts them itself; None for its own
            25 MB. A small city fills that in hours, and looks like a leak all the while.

    Attributes:
        login: user and password that it asks for, made with the folder; None where it asks for none.
    """

    def __init__(
        self, folder: Path, *, database: str = "siaga", login: bool = False, cache_kb: int | None = None
    ) -> None:
        self._folder = folder
        self._cache_kb = cache_kb
        self._child: Child | None = None
        self.login = ("siaga", secrets.token_urlsafe(18)) if login else None
        self.database = database
        self.port = 0

    @property
    def child(self) -> Child:
        """The process, once started."""
        if self._child is None:
            raise ServerFailed("InfluxDB was never started")
        return self._child

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, the first time on a free port, later on the same, and wait until it answers a ping."""
        if self._child is not None:
            self._child.start()
            self._child.wait_until(self.answers, timeout_s=READY_S)
            return
        for self.port, rpc_port in zip(ports(), ports(), strict=True):
            config = self._folder / "influxdb.conf"
            config.parent.mkdir(parents=True, exist_ok=True)
            config.write_text(
                _influx_config(self._folder, self.port, rpc_port, self.login is not None, self._cache_kb)
            )
            child = Child("influxd", [_program("influxd"), "-config", config], self._folder / "influxd.log")
            child.start()
            with contextlib.suppress(ServerFailed):
                child.wait_until(self.answers, timeout_s=READY_S)
                self._child = child
                self._first_user()
                return
            child.kill()
        raise ServerFailed("influxd found no port", child.last_words())

    def kill(self) -> None:
        """kill -9."""
        self.child.kill()

    def stop(self) -> None:
        """End it. Idempotent."""
        if self._child is not None:
            self._child.stop()

    def answers(self) -> bool:
        """Whether it answers a ping now."""
        try:
            return self._request("GET", "/ping") == 204
        except (OSError, http.client.HTTPException):
            return False

    def _first_user(self) -> None:
        """InfluxDB lets anybody make the first administrator, and nobody do anything before."""
        if self.login is None:
            return
        user, password = self.login
        query = f"CREATE USER {user} WITH PASSWORD '{password}' WITH ALL PRIVILEGES"
        status = self._request("POST", "/query?" + urllib.parse.urlencode({"q": query}))
        if status != 200:
            raise ServerFailed(f"InfluxDB refuses its first user with HTTP {status}")
        # It has answered before all of it knows of the user; until then it says 403 to everybody.
        self.child.wait_until(
            lambda: self._request("GET", "/query?q=SHOW+DATABASES") == 401, timeout_s=READY_S
        )

    def _request(self, method: str, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request(method, path)
            return connection.getresponse().status
        finally:
            connection.close()


def _influx_config(folder: Path, port: int, rpc_port: int, auth: bool, cache_kb: int | None) -> str:
    cache = "" if cache_kb is None else f'\n  cache-snapshot-memory-size = "{cache_kb}k"'
    return f"""reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false{cache}
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  auth-enabled = {str(auth).lower()}
  max-row-limit = 0
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
[logging]
  level = "warn"
"""


class Postgres:
    """A PostgreSQL cluster under the folder, with one generated login. Started as root it runs as
    ``postgres``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child: Child | None = None
        self._password = secrets.token_urlsafe(18)
        self._user = "postgres" if os.geteuid() == 0 else None
        self.port = 0

    @property
    def child(self) -> Child:
        """The process, once started."""
        if self._child is None:
            raise ServerFailed("PostgreSQL was never started")
        return self._child

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy address of a database of it, with the login in it."""
        return f"postgresql+pg8000://siaga:{self._password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str | None = None) -> str:
        """Make a new empty database and return its address."""
        from sqlalchemy import create_engine, text

        name = name or f"siaga_{secrets.token_hex(6)}"
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(f'CREATE DATABASE "{name}"'))
        finally:
            engine.dispose()
        return self.url(name)

    def start(self) -> None:
        """Start it, the first time with a new cluster on a free port, later again on the same port."""
        if self._child is not None:
            self._child.start()
            self._child.wait_until(self._ready, timeout_s=READY_S)
            return
        data = self._initdb()
        for self.port in ports():
            child = Child(
                "postgres",
                [_postgres("postgres"), "-D", data, "-p", str(self.port), "-k", data, *_POSTGRES_SETTINGS],
                self._folder / "postgres.log",
                death=signal.SIGQUIT,  # its children end with it
                user=self._user,
            )
            child.start()
            with contextlib.suppress(ServerFailed):
                child.wait_until(self._ready, timeout_s=READY_S)
                self._child = child
                return
            child.stop(signal.SIGQUIT)
        raise ServerFailed("postgres found no port", child.last_words())

    def kill(self) -> None:
        """The nearest to kill -9 that leaves no child behind: an immediate end without checkpoint."""
        self.child.stop(signal.SIGQUIT)

    def stop(self) -> None:
        """End it, cutting open connections. Idempotent."""
        if self._child is not None:
            self._child.stop(signal.SIGINT)

    def _initdb(self) -> Path:
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        password = self._folder / "login"
        password.touch(mode=0o600)
        password.write_text(self._password)
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            for path in (data, password):
                os.chown(path, account.pw_uid, account.pw_gid)
            _let_through(self._folder)
        options = ("-U", "siaga", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync")
        command = [_postgres("initdb"), "-D", str(data), *options, "--pwfile", str(password)]
        child = Child("initdb", command, self._folder / "initdb.log", user=self._user)
        child.start()
        with contextlib.suppress(ServerFailed):
            child.wait_until(lambda: False, timeout_s=READY_S)
        password.unlink()
        if child.returncode != 0:
            child.kill()
            raise ServerFailed("initdb failed", child.last_words())
        return data

    def _ready(self) -> bool:
        """Whether it answers a start-up packet with anything but "still starting"."""
        packet = b"\x00\x03\x00\x00user\x00siaga\x00database\x00postgres\x00\x00"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall((len(packet) + 4).to_bytes(4, "big") + packet)
                return connection.recv(1) == b"R"
        except OSError:
            return False


_POSTGRES_SETTINGS = (
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    "max_connections=50",
    "-c",
    "shared_buffers=32MB",
    "-c",
    "dynamic_shared_memory_type=mmap",
)


def _program(name: str) -> str:
    """Where a server's program is; Debian keeps some in sbin, which a person's PATH may lack."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        raise ProgramMissing(f"{name} is not installed", "run setup/install demo")
    return found


def _postgres(name: str) -> str:
    """A program of the newest PostgreSQL, which Debian keeps out of the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(versions[-1]) if versions else _program(name)


def _let_through(folder: Path) -> None:
    """Let another account reach the folder: search right on the way to it, which a temporary folder lacks."""
    for path in (folder, *folder.parents):
        mode = path.stat().st_mode
        if mode & 0o001 or path.stat().st_uid != os.geteuid():
            continue
        path.chmod(mode & 0o7777 | 0o001)
