"""From one command at the desk to live data, nothing typed on site; and a board that replaces a dead one."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest

from contract.messages import Beat
from edge.clock import SystemClock
from edge.config import load
from edge.enrolment import renew
from edge.errors import EnrolmentRefused
from provisioning.ca import Authority, Identity
from provisioning.card import UNITS
from provisioning.cli import main
from simulator.processes import Child, free_port
from simulator.servers import Mosquitto
from tests.hub.running import running, write_config
from tests.provisioning.box import Box
from tests.provisioning.desk import GATEWAY, SITE, new_desk, set_up
from tests.provisioning.test_revocation import lets_in

ON_SITE_MOST_S = 300


def write_card(desk, out, *more):
    """The one command, as a person types it; its exit status and what it said."""
    command = [sys.executable, "-m", "provisioning.cli", "card", SITE, "--city", str(desk), "--out", str(out)]
    done = subprocess.run([*command, "--bench", *more], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@dataclass(frozen=True)
class City:
    """A city's folder, at which the desk writes its cards, and its broker."""

    folder: Path
    broker: Mosquitto


@pytest.fixture
def city(tmp_path):
    """A city with a broker, an enrolment service and a desk."""
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    folder = broker.authority.certificate.parent
    broker.authority.server("enrolment", ["127.0.0.1"])
    port = free_port()
    reload = ["kill", "-HUP", str(broker.child.pid)]
    set_up(folder, enrolment=port, port=broker.port, broker=tmp_path / "broker", reload=reload)
    command = [sys.executable, "-m", "provisioning.cli", "serve", str(folder)]
    service = Child("serve", command, tmp_path / "serve.log")
    service.start()
    try:
        service.wait_until(lambda: '"ready": true' in service.log.read_text(), timeout_s=30)
        yield City(folder, broker)
    finally:
        service.stop()
        broker.stop()


@pytest.mark.real
async def test_from_the_desk_to_live_data_and_again_with_a_new_board(city, influx, tmp_path, measured):
    desk, broker = city.folder, city.broker
    config = write_config(tmp_path, broker, influx=influx)
    (database,) = [line.split('"')[1] for line in config.read_text().splitlines() if "database = " in line]

    async def heard(after_s):
        """Wait for a value of the gateway in InfluxDB that is younger."""
        where = f"gateway = '{GATEWAY}' AND time > {int(after_s * 1e9)}"
        asked = {"db": database, "q": f"SELECT first(level_m) FROM river_post WHERE {where}"}
        async with httpx.AsyncClient(base_url=influx.url) as client:
            while True:
                answer = (await client.get("/query", params=asked)).json()["results"][0]
                if "series" in answer:
                    assert answer["series"][0]["values"][0][1] == 1.25
                    return
                await asyncio.sleep(0.05)

    async def beat(*others):
        """The hash of its configuration and its epoch as the hub has them, when that is none of the others."""
        while True:
            with closing(sqlite3.connect(f"file:{tmp_path}/hub.sqlite?mode=ro", uri=True)) as conn:
                text = conn.execute("SELECT beat FROM gateways WHERE gateway = ?", (GATEWAY,)).fetchone()[0]
            found = msgspec.json.decode(text, type=Beat) if text else None
            if found is not None and found.lanes["telemetry"].epoch not in others:
                return found.config, found.lanes["telemetry"].epoch
            await asyncio.sleep(0.05)

    async with running(config):
        began = time.monotonic()
        since_s = time.time()
        status, said = await asyncio.to_thread(write_card, desk, tmp_path / "first")
        assert status == 0, said
        written = time.monotonic()
        box = Box(tmp_path / "first" / GATEWAY, tmp_path / "board-1")
        await asyncio.to_thread(box.start_trixie)
        claim = box.claim.read_bytes()
        assert await asyncio.to_thread(box.join) == 0, box.status
        gateway = box.run()
        try:
            await asyncio.wait_for(heard(since_s), 30)
            live = time.monotonic()
            configuration, epoch = await asyncio.wait_for(beat(), 15)
        finally:
            gateway.kill()
        measured(
            f"from `siaga-provision card` to the first value in InfluxDB: {live - began:.1f} s, of which "
            f"{written - began:.1f} s at the desk, {live - written:.1f} s on site"
        )
        assert list(box.enabled()) == list(reversed(UNITS)), "the first boot is over"
        assert not box.claim.exists(), "a used claim is no use, and gone"

        # As when the power goes after the enrolment, before the card knows of it.
        box.claim.write_bytes(claim)
        await asyncio.to_thread(box.start_trixie)
        assert await asyncio.to_thread(box.join) == 0, box.status
        assert "DITOLAK" not in box.status
        assert not box.claim.exists()

        # The board is dead. Another takes its place.
        status, said = await asyncio.to_thread(write_card, desk, tmp_path / "second")
        assert (status, "--replace" in said) == (1, True)
        status, said = await asyncio.to_thread(write_card, desk, tmp_path / "second", "--replace")
        assert status == 0, said
        began, since_s = time.monotonic(), time.time()
        other = Box(tmp_path / "second" / GATEWAY, tmp_path / "board-2")
        await asyncio.to_thread(other.start_bookworm)
        assert await asyncio.to_thread(other.join) == 0, other.status
        gateway = other.run()
        try:
            await asyncio.wait_for(heard(since_s), 30)
            took_s = time.monotonic() - began
            assert (await asyncio.wait_for(beat(epoch), 15))[0] == configuration, "to the byte the dead one's"
        finally:
            gateway.stop()
        measured(f"a new board in the place of a dead one: {took_s:.1f} s from power to the first value")
        assert took_s < ON_SITE_MOST_S
        assert "systemd.run" not in (other.boot / "cmdline.txt").read_text()

        dead = load(box.root / "etc/siaga/gateway.toml")
        with pytest.raises(EnrolmentRefused):
            await asyncio.to_thread(renew, dead, SystemClock())
        for one, comes_in in ((other, True), (box, False)):
            key = Identity(one.certificate, one.certificate, one.certificate.with_name("ca.pem"))
            assert await asyncio.to_thread(lets_in, city, key) is comes_in
    assert main(["audit", str(desk)]) == 0


def test_without_an_answer_it_says_so_and_keeps_the_claim(tmp_path):
    desk = new_desk(tmp_path)
    assert main(["card", SITE, "--city", str(desk), "--out", str(tmp_path / "card"), "--bench"]) == 0
    box = Box(tmp_path / "card" / GATEWAY, tmp_path / "board")
    box.start_trixie()
    assert box.join() == 1
    assert "belum / not yet" in box.status
    assert box.claim.exists()
    assert list(box.enabled()) == ["siaga-first-boot.service"], "it is tried again at the next boot too"
    assert not list(box.root.rglob("*.pem.part"))


def test_what_a_board_can_do_nothing_with_waits_for_a_person(tmp_path):
    desk = new_desk(tmp_path)
    assert main(["card", SITE, "--city", str(desk), "--out", str(tmp_path / "card"), "--bench"]) == 0
    box = Box(tmp_path / "card" / GATEWAY, tmp_path / "board")
    (box.boot / "siaga" / "gateway.toml").write_text("[gateway]\n")
    box.start_trixie()
    assert box.join() == 2
    assert "GAGAL" in box.status
    assert "siaga-edge.service" not in box.enabled()
    assert (box.root / "etc/hostname").read_text() == f"{GATEWAY}\n"
    assert "NTP=ntp.contoh.example" in (box.root / "etc/systemd/timesyncd.conf.d/siaga.conf").read_text()
    assert Authority.load(desk)


@pytest.mark.parametrize("whole", [True, False])
def test_the_software_comes_from_the_card_into_a_release_of_its_own(tmp_path, whole):
    desk = new_desk(tmp_path, more='software = "software"')
    (desk / "software").mkdir()
    for name in ("siaga-0.1.0-py3-none-any.whl", "edge.txt", *(["complete"] if whole else [])):
        (desk / "software" / name).touch()
    assert main(["card", SITE, "--city", str(desk), "--out", str(tmp_path / "card"), "--bench"]) == 0
    box = Box(tmp_path / "card" / GATEWAY, tmp_path / "board", image=False)
    box.start_trixie()
    assert box.join() == 1, "nobody answers its claim here"
    assert (box.root / "opt/siaga/venv").readlink().as_posix() == "releases/0.1.0"
    made, needed, siaga = box.asked
    assert made.startswith("python3 -m venv ")
    assert "--require-hashes" in needed
    assert ("--no-index" in needed) is whole, "a card that has everything asks nobody"
    assert "--no-index --no-deps" in siaga
    before = len(box.asked)
    assert box.join() == 1
    assert len(box.asked) == before, "what is installed is not installed again"


def test_a_board_without_software_says_so(tmp_path):
    desk = new_desk(tmp_path)
    assert main(["card", SITE, "--city", str(desk), "--out", str(tmp_path / "card"), "--bench"]) == 0
    box = Box(tmp_path / "card" / GATEWAY, tmp_path / "board", image=False)
    box.start_trixie()
    assert box.join() == 2
    assert "no software on the card" in box.status


def test_bookworm_gets_its_network_from_files_that_only_root_reads(tmp_path):
    desk = new_desk(tmp_path)
    (desk / "networks").mkdir()
    network = desk / "networks" / f"{SITE}.toml"
    network.write_text('[wifi]\nssid = "Kantor Desa"\npassphrase = "kata sandi desa"\n')
    network.chmod(0o600)
    assert main(["card", SITE, "--city", str(desk), "--out", str(tmp_path / "card"), "--bench"]) == 0
    box = Box(tmp_path / "card" / GATEWAY, tmp_path / "board")
    box.start_bookworm()
    (connection,) = (box.root / "etc/NetworkManager/system-connections").iterdir()
    assert connection.stat().st_mode & 0o077 == 0
    assert not (box.boot / "firstrun.sh").exists()
    assert (box.boot / "cmdline.txt").read_text() == "console=tty1\n", "it runs once"
