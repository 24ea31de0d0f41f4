"""A gateway's card: the files that go onto the boot partition of Raspberry Pi OS, for its first boot. Pure.

The same files serve both releases: Trixie reads user-data, network-config and meta-data (cloud-init), Bookworm runs
firstrun.sh when its kernel command line says so. Either only starts ``siaga/first_boot.sh``. The scripts are the same
on every card; what differs lies beside them in files that they copy. There is never a private key on a card: the
gateway makes its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from contract.claim import Claim
from provisioning.errors import CardRefused
from provisioning.names import check_gateway_name
from provisioning.network import Network, keyfiles, netplan

SHIPPED = Path(__file__).resolve().parents[1] / "firmware_configs"
FOLDER = "siaga"
BOOT = "/boot/firmware"
"""Where a gateway sees the boot partition."""

CMDLINE = " ".join(
    (
        f"systemd.run={BOOT}/firstrun.sh",
        "systemd.run_success_action=reboot",
        "systemd.unit=kernel-command-line.target",
    )
)
"""What Bookworm's kernel command line needs; Trixie does not."""

UNITS = ("siaga-edge.service", "siaga-edge-upgrade.service")
"""Services of the gateway, of firmware_configs/units."""

SCRIPTS = ("first_boot.sh", "siaga-first-boot.service", "watchdog.conf", "sudoers", "sshd.conf")
"""Files of firmware_configs/boards that go into the card's folder as they are."""

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PUBLIC_KEY = re.compile(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com)"
    r" [A-Za-z0-9+/]{40,}={0,3}( [ -~]*)?"
)
_SECRET = re.compile(rb"PRIVATE KEY|BEGIN ENCRYPTED")


@dataclass(frozen=True, slots=True)
class Card:
    """What a card is made of.

    Attributes:
        gateway: its id, and the board's name in its network.
        config: the text of gateway.toml.
        instruments: instrument files of the city's own, by name.
        network, country: how it comes into its network; the country's rules for radio.
        time_servers: whom it asks for the time.
        technicians: public keys that may log in, one a line; empty: nobody may.
        written_s: when the card is written, seconds since 1970. No gateway believes in an earlier time.
    """

    gateway: str
    claim: Claim
    config: str
    instruments: Mapping[str, bytes]
    network: Network
    country: str
    time_servers: tuple[str, ...]
    technicians: str
    written_s: int

    def __post_init__(self) -> None:
        check_gateway_name(self.gateway)
        if not _COUNTRY.fullmatch(self.country):
            raise CardRefused(f"{self.country!r} is no country", 'two capitals, as "ID"')
        for host in self.time_servers:
            if not _HOST.fullmatch(host):
                raise CardRefused(f"{host!r} is no time server", "a name or an address")
        for line in self.technicians.splitlines():
            if line.strip() and not line.startswith("#") and not _PUBLIC_KEY.fullmatch(line):
                raise CardRefused("a technician's line is no public key", "a line of an .pub file each")


def files(card: Card) -> dict[str, bytes]:
    """Every file of the card by its path on the boot partition.

    Raises:
        CardRefused: a secret that no card may hold would be on it.
    """
    boards = SHIPPED / "boards"
    found = {
        "user-data": b"#cloud-config\n" + _yaml(_user_data(card)),
        "network-config": _yaml(netplan(card.network, card.country)),
        "meta-data": _yaml(_meta_data(card)),
        "firstrun.sh": (boards / "firstrun.sh").read_bytes(),
    }
    own = {name: (boards / name).read_bytes() for name in SCRIPTS}
    own |= {name: (SHIPPED / "units" / name).read_bytes() for name in UNITS}
    own |= {
        "gateway.toml": card.config.encode(),
        "claim": f"{card.claim.text()}\n".encode(),
        "hostname": f"{card.gateway}\n".encode(),
        "country": f"{card.country}\n".encode(),
        "written": f"{card.written_s}\n".encode(),
        "time.conf": f"[Time]\nNTP={' '.join(card.time_servers)}\n".encode(),
        "technicians": card.technicians.encode(),
        "BACA.txt": _read_me(card).encode(),
    }
    own |= {name: text.encode() for name, text in keyfiles(card.network).items()}
    own |= {f"instruments/{name}": data for name, data in card.instruments.items()}
    found |= {f"{FOLDER}/{name}": data for name, data in own.items()}
    for name, data in found.items():
        if _SECRET.search(data):
            raise CardRefused(
                f"{name} would hold a private key", "no card holds one: take it out of its source"
            )
    return found


def with_cmdline(text: str) -> str:
    """Bookworm's kernel command line, one line, with what starts firstrun.sh. Idempotent."""
    words = text.split()
    return " ".join([*words, *(word for word in CMDLINE.split() if word not in words)]) + "\n"


def _user_data(card: Card) -> dict[str, Any]:
    return {
        "hostname": card.gateway,
        "ssh_pwauth": False,
        # An empty list: not even the image's own user, who may have a password that everybody knows.
        "users": [],
        "runcmd": [["/bin/sh", f"{BOOT}/{FOLDER}/first_boot.sh", "prepare"]],
    }


def _meta_data(card: Card) -> dict[str, Any]:
    # Another one than of the image: what cloud-init did for that is not done for this.
    instance = f"siaga-{card.gateway}-{card.written_s}"
    return {"dsmode": "local", "instance-id": instance, "local-hostname": card.gateway}


def _yaml(value: Mapping[str, Any]) -> bytes:
    text: str = yaml.safe_dump(dict(value), allow_unicode=True, sort_keys=False, width=1000)
    return text.encode()


def _read_me(card: Card) -> str:
    return (
        f"Siaga: {card.gateway}\r\n\r\n"
        "Kartu ini untuk satu gerbang dan sekali pakai. Simpan seperti kunci sampai gerbang menyala.\r\n"
        "Pasang di papan, sambungkan jaringan dan listrik. Yang terjadi tertulis di status.txt.\r\n"
        "Raspberry Pi OS 12 (Bookworm): cmdline.txt harus memuat, di baris yang sama:\r\n\r\n"
        f"  {CMDLINE}\r\n\r\n"
        "This card is for one gateway, once. Keep it as a key until the gateway runs.\r\n"
        "Put it in, connect network and power. What happens is written to status.txt.\r\n"
        "Raspberry Pi OS 12 (Bookworm): cmdline.txt must have the line above, in its one line.\r\n"
    )
