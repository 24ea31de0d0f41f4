"""A site's network, and what a gateway's card says of it. Pure but for ``load``.

The passphrase of a wireless network does not go onto the card: what follows from it and the network's name does, 64
hex digits, which open this network and no other. So nothing that a person typed has to be quoted but the name, and
that goes through a YAML library, or as the numbers of its bytes.
"""

from __future__ import annotations

import hashlib
import stat
import unicodedata
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Annotated, Any

import msgspec

from contract.strict_toml import Mistake, MistakesError, load
from provisioning.errors import CardRefused

LONGEST_NAME_BYTES = 32
SHORTEST_PASSPHRASE, LONGEST_PASSPHRASE = 8, 63
ROUNDS = 4096
KEY_BYTES = 32
"""Of the key that follows from a passphrase (IEEE 802.11, J.4.1)."""

HIDDEN_CATEGORIES = ("C", "Zl", "Zp")
"""Of characters that no name of a network needs: control, format, private, unassigned, and line breaks."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the file's tables."""


class Wired(_Table, frozen=True, kw_only=True):
    """The cable. Without an address the site's router gives one.

    Attributes:
        address: with its prefix, as ``192.168.10.5/24``.
        router: in the same network.
        dns: addresses of name servers.
    """

    address: Annotated[str, msgspec.Meta(max_length=18)]
    router: Annotated[str, msgspec.Meta(max_length=15)]
    dns: tuple[Annotated[str, msgspec.Meta(max_length=15)], ...] = ()

    def __post_init__(self) -> None:
        try:
            own = IPv4Interface(self.address)
        except ValueError:
            raise _mistake("address", f"{self.address!r} is no address", '"192.168.10.5/24"') from None
        if "/" not in self.address or own.ip in (own.network.network_address, own.network.broadcast_address):
            raise _mistake("address", f"{self.address!r} is no address of a board", '"192.168.10.5/24"')
        for key, text in (("router", self.router), *(("dns", one) for one in self.dns)):
            try:
                found = IPv4Address(text)
            except ValueError:
                raise _mistake(key, f"{text!r} is no address", '"192.168.10.1"') from None
            if key == "router" and (found not in own.network or found == own.ip):
                raise _mistake(key, f"{text} is not in {own.network}", "the router's own address")


class Wifi(_Table, frozen=True, kw_only=True):
    """A wireless network with one passphrase for all.

    Attributes:
        ssid: its name.
        passphrase: 8 to 63 printable ASCII characters.
        hidden: whether it keeps its name to itself.
    """

    ssid: str
    passphrase: str
    hidden: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.ssid.encode("utf-8", "replace")) <= LONGEST_NAME_BYTES:
            raise _mistake("ssid", "a network's name has 1 to 32 bytes", "the name as the router says it")
        if any(unicodedata.category(one).startswith(HIDDEN_CATEGORIES) for one in self.ssid):
            raise _mistake("ssid", "a character of it cannot be seen", "the name as the router says it")
        if not SHORTEST_PASSPHRASE <= len(self.passphrase) <= LONGEST_PASSPHRASE:
            raise _mistake("passphrase", "a passphrase has 8 to 63 characters", "as the router says it")
        if not all(" " <= one <= "~" for one in self.passphrase):
            raise _mistake("passphrase", "a passphrase is of printable ASCII characters", "another one")

    @property
    def key(self) -> str:
        """What opens the network: 64 hex digits that follow from passphrase and name."""
        salt = self.ssid.encode()
        return hashlib.pbkdf2_hmac("sha1", self.passphrase.encode(), salt, ROUNDS, KEY_BYTES).hex()


class Network(_Table, frozen=True, kw_only=True):
    """The whole file. Empty, it is a cable at whose other end a router gives the address."""

    wired: Wired | None = None
    wifi: Wifi | None = None


def load_network(path: Path) -> Network:
    """A site's network; the usual cable where there is no such file.

    Raises:
        CardRefused: others than its owner may read a file with a passphrase.
        contract.strict_toml.TomlError: with file, line and what to write instead.
    """
    if not path.exists():
        return Network()
    network = load(path, Network)
    if network.wifi is not None and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CardRefused(f"others may read the passphrase in {path}", f"chmod 600 {path}")
    return network


def netplan(network: Network, country: str) -> Mapping[str, Any]:
    """For cloud-init (network-config, version 2). No link is waited for: a press at the first second is stored."""
    cable: dict[str, Any] = {"optional": True, "dhcp4": network.wired is None}
    if network.wired is not None:
        cable["addresses"] = [network.wired.address]
        cable["routes"] = [{"to": "default", "via": network.wired.router}]
        cable["nameservers"] = {"addresses": list(network.wired.dns)}
    found: dict[str, Any] = {"version": 2, "ethernets": {"eth0": cable}}
    if network.wifi is not None:
        point: dict[str, Any] = {"password": network.wifi.key}
        if network.wifi.hidden:
            point["hidden"] = True
        wireless = {"optional": True, "dhcp4": True, "regulatory-domain": country}
        found["wifis"] = {"wlan0": wireless | {"access-points": {network.wifi.ssid: point}}}
    return {"network": found}


def keyfiles(network: Network) -> dict[str, str]:
    """For NetworkManager, by the file's name: what Bookworm is given, which knows no cloud-init."""
    found = {}
    if network.wired is not None:
        one = network.wired
        lines = ["[connection]", "id=siaga-cable", "type=ethernet", "[ipv4]", "method=manual"]
        lines += [f"address1={one.address},{one.router}", f"dns={''.join(f'{dns};' for dns in one.dns)}"]
        found["siaga-cable.nmconnection"] = "\n".join(lines) + "\n"
    if network.wifi is not None:
        name = "".join(f"{byte};" for byte in network.wifi.ssid.encode())
        lines = [
            "[connection]",
            "id=siaga-wifi",
            "type=wifi",
            "[wifi]",
            "mode=infrastructure",
            f"ssid={name}",
        ]
        lines += [f"hidden={str(network.wifi.hidden).lower()}", "[wifi-security]", "key-mgmt=wpa-psk"]
        lines += [f"psk={network.wifi.key}", "[ipv4]", "method=auto"]
        found["siaga-wifi.nmconnection"] = "\n".join(lines) + "\n"
    return found


def _mistake(key: str, text: str, instead: str) -> MistakesError:
    return MistakesError(Mistake(text, at=(key,), instead=instead))
