"""A board as far as a process without root's rights can be one.

It takes a card in and does what Raspberry Pi OS would: cloud-init's ``runcmd`` (Trixie) or what the kernel's command
line says (Bookworm), then the services that are enabled. The scripts and units are those of the card; only the places
differ. The software is there already, as in an image that was made with it; without ``image`` it is on the card, and a
Python that installs nothing stands in the real one's place and writes down what it was asked.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from simulator.processes import Child

FIRST_BOOT_S = 60

PYTHON = """#!/bin/sh
echo "python3 $*" >>"{log}"
for last; do :; done
mkdir -p "$last/bin" && cp "{here}/pip" "$last/bin/pip"
"""
PIP = """#!/bin/sh
echo "pip $*" >>"{log}"
case "$*" in *siaga-*.whl) ln -s "{edge}" "$(dirname "$0")/siaga-edge" ;; esac
"""
"""A release has siaga-edge once Siaga's own wheel was put into it."""


class Box:
    """One board with a card in it.

    Args:
        card: the files of its boot partition, which are copied.
        folder: where its own files are.
    """

    def __init__(self, card: Path, folder: Path, *, image: bool = True) -> None:
        self.boot = folder / "boot"
        self.root = folder / "root"
        shutil.copytree(card, self.boot)
        (self.root / "opt" / "siaga").mkdir(parents=True)
        self._folder = folder
        self._path = os.environ["PATH"]
        if image:
            (self.root / "opt" / "siaga" / "venv").symlink_to(sys.prefix)
        else:
            self._put_python(folder / "bin")
            self._path = f"{folder / 'bin'}:{self._path}"

    @property
    def asked(self) -> list[str]:
        """What the Python of a board without an image was asked, a line each."""
        return (self._folder / "asked").read_text().splitlines()

    def _put_python(self, folder: Path) -> None:
        folder.mkdir()
        for name, text in (("python3", PYTHON), ("pip", PIP)):
            file = folder / name
            file.write_text(
                text.format(log=self._folder / "asked", here=folder, edge=Path(sys.prefix) / "bin/siaga-edge")
            )
            file.chmod(0o755)

    @property
    def status(self) -> str:
        """What the first boot has told."""
        return (self.boot / "siaga" / "status.txt").read_text()

    @property
    def claim(self) -> Path:
        """The claim on the card, while it is there."""
        return self.boot / "siaga" / "claim"

    @property
    def certificate(self) -> Path:
        """The gateway's certificate and key."""
        return self.root / "var/lib/siaga/tls/gateway.pem"

    def start_trixie(self) -> None:
        """What cloud-init does once."""
        for command in yaml.safe_load((self.boot / "user-data").read_text())["runcmd"]:
            assert self._run(command) == 0, self.status

    def start_bookworm(self) -> None:
        """What the kernel's command line wants; then the board restarts."""
        words = (self.boot / "cmdline-bookworm.txt").read_text().split()
        (self.boot / "cmdline.txt").write_text("console=tty1 " + " ".join(words) + "\n")
        (script,) = [word.partition("=")[2] for word in words if word.startswith("systemd.run=")]
        script = self._place(script)
        # It names the boot partition itself, and here that is elsewhere.
        Path(script).write_text(self._place(Path(script).read_text()))
        assert self._run(["/bin/sh", script]) == 0

    def join(self) -> int:
        """The service of the first boot, once; its exit status."""
        return self._run(self.enabled()["siaga-first-boot.service"])

    def enabled(self) -> dict[str, list[str]]:
        """The commands of the services that would start now, by unit."""
        found = {}
        for link in sorted((self.root / "etc/systemd/system/multi-user.target.wants").iterdir()):
            lines = link.read_text().splitlines()
            (line,) = [line.partition("=")[2] for line in lines if line.startswith("ExecStart=")]
            found[link.name] = [self._place(word) for word in line.split()]
        return found

    def run(self) -> Child:
        """The gateway, as its unit starts it."""
        child = Child("gateway", self.enabled()["siaga-edge.service"], self._folder / "gateway.log")
        child.start()
        return child

    def _run(self, command: list[str]) -> int:
        environment = {**os.environ, "SIAGA_ROOT": str(self.root), "PATH": self._path}
        words = [self._place(word) for word in command]
        return subprocess.run(words, env=environment, timeout=FIRST_BOOT_S, check=False).returncode

    def _place(self, text: str) -> str:
        for there, here in (("/boot/firmware", self.boot), ("/opt/siaga", self.root / "opt/siaga")):
            text = text.replace(there, str(here))
        return text.replace("/etc/siaga", str(self.root / "etc/siaga"))
