"""A site's network on a card: names and passphrases of any sort come through whole, or are refused."""

from __future__ import annotations

import configparser
import unicodedata

import msgspec
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from contract.strict_toml import MistakesError, TomlError
from provisioning.errors import CardRefused
from provisioning.network import Network, Wifi, Wired, keyfiles, load_network, netplan

NAMES = st.text(min_size=1, max_size=32).filter(lambda text: 0 < len(text.encode("utf-8", "replace")) <= 32)
PASSPHRASES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)
NASTY = [
    "yes",
    "null",
    "~",
    "1e3",
    "0x10",
    "-a",
    "a: b",
    "#x",
    "'",
    '"',
    "$(reboot)",
    "`x`",
    "a\\",
    "ssid=x;",
]
NASTY += ["{}", "!!str", "&a", "*a", "|", ">", "%", "@", "a #b", " "]


def wifi(name, passphrase="kata sandi pos"):
    return Network(wifi=Wifi(ssid=name, passphrase=passphrase))


@given(NAMES, PASSPHRASES)
@example("Kantor \N{PILE OF POO}", "\"'$(x)`;\\ #{}: ~")
def test_a_name_comes_out_of_both_files_as_it_went_in_or_is_refused(name, passphrase):
    try:
        network = wifi(name, passphrase)
    except MistakesError:
        assert any(unicodedata.category(one)[0] == "C" or one in "\u2028\u2029" for one in name)
        return
    text = yaml.safe_dump(dict(netplan(network, "ID")), allow_unicode=True)
    points = yaml.safe_load(text)["network"]["wifis"]["wlan0"]["access-points"]
    assert points == {name: {"password": network.wifi.key}}
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(keyfiles(network)["siaga-wifi.nmconnection"])
    numbers = parser["wifi"]["ssid"].rstrip(";").split(";")
    assert bytes(map(int, numbers)).decode() == name
    assert parser["wifi-security"]["psk"] == network.wifi.key
    assert parser.sections() == ["connection", "wifi", "wifi-security", "ipv4"]


@pytest.mark.parametrize("name", NASTY)
def test_a_name_that_yaml_or_a_shell_would_take_for_something_else_stays_a_name(name):
    text = yaml.safe_dump(dict(netplan(wifi(name), "ID")), allow_unicode=True)
    assert list(yaml.safe_load(text)["network"]["wifis"]["wlan0"]["access-points"]) == [name]


def test_the_passphrase_is_in_neither_file_and_what_follows_from_it_is_right():
    network = wifi("IEEE", "password")
    assert network.wifi.key == "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    secret = wifi("pos", "rahasia sekali")
    assert "rahasia" not in str(netplan(secret, "ID")) + str(keyfiles(secret))


@pytest.mark.parametrize(
    ("ssid", "passphrase"),
    [
        ("", "kata sandi pos"),
        ("x" * 33, "kata sandi pos"),
        ("é" * 17, "kata sandi pos"),
        ("a\nb", "kata sandi pos"),
        ("a\u202eb", "kata sandi pos"),
        ("\udcff", "kata sandi pos"),
        ("pos", "tujuh77"),
        ("pos", "x" * 64),
        ("pos", "kata sandí pos"),
        ("pos", "kata\nsandi"),
    ],
)
def test_what_no_router_has_is_refused(ssid, passphrase):
    with pytest.raises(MistakesError):
        wifi(ssid, passphrase)


@pytest.mark.parametrize(
    ("address", "router", "dns"),
    [
        ("192.168.10.5", "192.168.10.1", ()),
        ("192.168.10.0/24", "192.168.10.1", ()),
        ("192.168.10.255/24", "192.168.10.1", ()),
        ("192.168.10.5/24", "192.168.11.1", ()),
        ("192.168.10.5/24", "192.168.10.5", ()),
        ("192.168.10.5/24", "192.168.10.1", ("x; reboot",)),
        ("a", "b", ()),
    ],
)
def test_an_address_that_cannot_work_is_refused(address, router, dns):
    with pytest.raises(MistakesError):
        Wired(address=address, router=router, dns=dns)


def test_a_fixed_address_is_said_to_both_and_no_boot_waits_for_a_link():
    network = Network(wired=Wired(address="10.1.2.3/24", router="10.1.2.1", dns=("10.1.2.1", "10.9.9.9")))
    cable = netplan(network, "ID")["network"]["ethernets"]["eth0"]
    assert cable == {
        "optional": True,
        "dhcp4": False,
        "addresses": ["10.1.2.3/24"],
        "routes": [{"to": "default", "via": "10.1.2.1"}],
        "nameservers": {"addresses": ["10.1.2.1", "10.9.9.9"]},
    }
    assert (
        "address1=10.1.2.3/24,10.1.2.1\ndns=10.1.2.1;10.9.9.9;\n"
        in keyfiles(network)["siaga-cable.nmconnection"]
    )
    usual = netplan(Network(), "ID")["network"]
    assert usual == {"version": 2, "ethernets": {"eth0": {"optional": True, "dhcp4": True}}}
    assert keyfiles(Network()) == {}


def test_a_file_with_a_passphrase_is_its_owners_alone(tmp_path):
    path = tmp_path / "pos.toml"
    assert load_network(path) == Network()
    path.write_text('[wifi]\nssid = "Pos"\npassphrase = "kata sandi pos"\n')
    path.chmod(0o640)
    with pytest.raises(CardRefused, match="chmod 600"):
        load_network(path)
    path.chmod(0o600)
    assert load_network(path).wifi == Wifi(ssid="Pos", passphrase="kata sandi pos")
    path.write_text('[wifi]\nssid = "Pos"\npassphrase = "pendek"\n')
    with pytest.raises(TomlError) as refused:
        load_network(path)
    assert "8 to 63" in str(refused.value)
    assert "pendek" not in str(refused.value), "what is wrong with a passphrase is told without it"
    assert msgspec.structs.asdict(load_network(tmp_path / "none.toml")) == {"wired": None, "wifi": None}
