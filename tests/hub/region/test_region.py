"""The region profile: Kota Contoh is whole, and each kind of mistake is told with its line and what to write."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from contract.strict_toml import TomlError
from hub.region import load

ROOT = Path(__file__).resolve().parents[3]
KOTA_CONTOH = ROOT / "profiles" / "kota-contoh"


def test_kota_contoh_has_what_a_city_needs():
    region = load(KOTA_CONTOH)
    kinds = [site.kind for site in region.sites.values()]
    assert len(region.gateways) >= 14
    assert {gateway.site for gateway in region.gateways.values()} == set(region.sites)
    assert kinds.count("hospital") >= 3
    assert kinds.count("river_post") >= 4
    assert {"office", "intersection", "minimarket"} <= set(kinds)
    assert len({station.river for station in region.stations.values()}) == 1
    for hospital in (site.id for site in region.sites.values() if site.kind == "hospital"):
        assert any(ward.site == hospital for ward in region.wards.values())
        assert any(button.site == hospital for button in region.buttons.values())
    assert region.duty_desk.channels
    assert len({gateway.cell for gateway in region.gateways.values()}) == len(region.gateways)


def test_the_river_runs_from_its_first_station_to_its_last():
    region = load(KOTA_CONTOH)
    order = list(region.stations)
    for at, station in enumerate(region.stations.values()):
        below = [item.station for item in station.downstream]
        assert all(order.index(name) > at for name in below)
        assert bool(below) == (at < len(order) - 1)


def test_levels_are_whole_millimetres_and_labels_are_worst_last():
    station = load(KOTA_CONTOH).stations["bendung-hulu"]
    assert station.thresholds_mm == (800, 1500, 2000)
    assert station.hysteresis_mm == 50
    assert station.labels == ("Siaga 4", "Siaga 3", "Siaga 2", "Siaga 1")
    assert station.kind == "river_post"


def test_devices_are_found_by_their_place():
    region = load(KOTA_CONTOH)
    station = region.station_at("gw-pos-muara", "duga-air")
    assert station is not None
    assert station.id == "muara"
    assert region.station_at("gw-pos-muara", "other") is None
    button = region.button_at("gw-rsud-contoh", "tombol-igd")
    assert button is not None
    assert button.site == region.site_of("gw-rsud-contoh") == "rsud-contoh"
    assert region.button_at("gw-pos-muara", "tombol-igd") is None
    assert region.wards["rsud-icu"].beds["bed_08"] == "I8"


def test_every_instrument_is_shipped():
    known = {path.stem for path in (ROOT / "firmware_configs" / "instruments").glob("*.toml")}
    used = {source.instrument for device in load(KOTA_CONTOH).devices for source in device.sources}
    assert used <= known


def test_a_profile_names_no_secret_and_no_address():
    for file in KOTA_CONTOH.glob("*.toml"):
        # What people may look at is for everybody, and of no real city.
        text = re.sub(r'link = "https://[a-z.-]+\.example/', "", file.read_text())
        assert not re.search(r"https?://|password|token|secret\s*=", text)


CHANNELS = re.compile(r"\n\[\[agency\.channel\]\]\nid = \"piket.*?(?=\n\[\[agency\]\])", re.DOTALL)
PANEL = 'instrument = [{ name = "discrete_inputs_16", unit = 1 }]'
READER = '[[reader]]\ngateway = "gw-balai-kota"\n'
MISTAKES = {
    "unknown key": ("region.toml", 'duty_desk = "piket"', 'duty_desk = "piket"\nmayor = "x"', "unknown key 'mayor'"),
    "unknown zone": ("region.toml", '"Asia/Jakarta"', '"Asia/Jakarte"', "no time zone"),
    "unknown desk": ("region.toml", 'duty_desk = "piket"', 'duty_desk = "piker"', "'piket'"),
    "two sites": ("region.toml", 'id = "pos-muara"', 'id = "pos-pasar-lama"', "given twice"),
    "unknown site": ("region.toml", 'site = "pos-muara"', 'site = "pos-muaro"', "'pos-muara'"),
    "bad gateway id": ("region.toml", 'id = "gw-pos-muara"', 'id = "GW Muara"', "not a gateway id"),
    "a cell too high": ("region.toml", "cell = 5\n", "cell = 64\n", "0 to 63"),
    "north of the pole": ("region.toml", "lat = -6.020", "lat = -96.020", "degrees north"),
    "inverted levels": ("region.toml", "siaga_1_m = 2.00", "siaga_1_m = 1.20", "Siaga 1 is the worst"),
    "half a millimetre": ("region.toml", "siaga_1_m = 2.00", "siaga_1_m = 2.0005", "whole number of millimetres"),
    "wide hysteresis": ("region.toml", "hysteresis_m = 0.05", "hysteresis_m = 0.5", "as wide as a level"),
    "level as text": ("region.toml", "siaga_1_m = 2.00", 'siaga_1_m = "2.00"', "metres"),
    "unknown quantity": (
        "region.toml",
        'device = "duga-air"\nsiaga_3_m = 0.80',
        'device = "duga-air"\nquantity = "level_cm"\nsiaga_3_m = 0.80',
        "'level_m'",
    ),
    "a missing level": ("region.toml", "siaga_1_m = 2.00\n", "", "siaga_1_m = … (metres"),
    "unknown station below": ("region.toml", 'station = "muara"', 'station = "muaro"', "'muara'"),
    "a station below itself": ("region.toml", 'station = "muara"', 'station = "pasar-lama"', "no other station"),
    "time runs back": ("region.toml", "least_min = 35", "least_min = 350", "above most_min"),
    "a button that is a panel": ("region.toml", 'device = "tombol-apotek"', 'device = "panel-icu"', "bed_panel"),
    "a ward without a panel": ("region.toml", 'device = "panel-icu"', 'device = "panel-igd"', "'panel-icu'"),
    "a button nowhere": ("region.toml", 'gateway = "gw-balai-kota"', 'gateway = "gw-balaikota"', "'gw-balai-kota'"),
    "two buttons one device": ("region.toml", '"tombol-apotek"', '"tombol-igd"', "given twice"),
    "no telephone": ("region.toml", '"0800-000-0101"', '"ring the bell"', "telephone"),
    "no channel": ("agencies.toml", CHANNELS, "", "nobody would be told"),
    "two channels": ("agencies.toml", '"piket-apprise"', '"piket-webhook"', "given twice"),
    "unknown way": ("agencies.toml", 'kind = "apprise"', 'kind = "apprize"', "'apprise'"),
    "unknown kind": ("devices.toml", 'kind = "bed_panel"', 'kind = "bed_pannel"', "'bed_panel'"),
    "unknown gateway": ("devices.toml", 'gateway = "gw-rs-bunda"', 'gateway = "gw-rs-bunde"', "'gw-rs-bunda'"),
    "one line twice": ("devices.toml", "stored = 22", "stored = 17", "GPIO line"),
    "a reader nowhere": ("devices.toml", READER, READER.replace("kota", "kata"), "'gw-balai-kota'"),
    "a reader that is a button": ("devices.toml", '"absen-lobi"', '"tombol-lobi"', "given twice"),
    "two readers": ("devices.toml", READER, f'{READER}device = "a"\nserial = "CONTOH-0001"\n{READER}', "serial number"),
    "no serial number": ("devices.toml", '"CONTOH-0001"', '"nomor satu"', "label"),
    "no such pin": ("devices.toml", "pin = 17", "pin = 40", "BCM"),
    "two cameras": ("cameras.toml", 'id = "tugu-taman"', 'id = "stasiun-depan"', "given twice"),
    "a camera at sea": ("cameras.toml", "lon = 108.9489", "lon = 1089.489", "degrees east"),
    "a link with a password": ("cameras.toml", "//kamera.", "//siaga:x@kamera.", "without user and password"),
    "a link that is none": ("cameras.toml", '"https://kamera.kota-contoh.example/stasiun"', '"rtsp://1/"', "may open"),
    "half a point": ("cameras.toml", 'device = "kamera-pos"', "", "both, or none"),
    "a camera nowhere": ("cameras.toml", '"gw-simpang-tugu"', '"gw-simpang-tuga"', "'gw-simpang-tugu'"),
    "two vehicles": ("vehicles.toml", 'id = "ambulans-2"', 'id = "ambulans-1"', "given twice"),
    "one call sign twice": ("vehicles.toml", '"Ambulans PSC 2"', '"Ambulans PSC 1"', "call sign"),
    "whose vehicle": ("vehicles.toml", 'agency = "damkar"', 'agency = "damkr"', "'damkar'"),
    "a position that is never old": ("vehicles.toml", "stale_s = 120", "stale_s = 86400", "5 to 1800"),
    "no instrument": ("devices.toml", PANEL, "instrument = []", "at least 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_told_with_file_line_and_what_to_write(name, tmp_path):
    file, old, new, told = MISTAKES[name]
    folder = tmp_path / "profile"
    shutil.copytree(KOTA_CONTOH, folder)
    path = folder / file
    text = path.read_text()
    changed = old.sub(new, text, count=1) if isinstance(old, re.Pattern) else text.replace(old, new, 1)
    assert changed != text
    path.write_text(changed)
    with pytest.raises(TomlError) as caught:
        load(folder)
    assert told in str(caught.value), str(caught.value)
    assert re.match(
        rf"{re.escape(str(folder))}/(region|agencies|devices|cameras|vehicles)\.toml:\d+: ", str(caught.value)
    )


def test_a_city_may_do_without_cameras_and_vehicles_and_one_point_tells_of_one(tmp_path):
    folder = tmp_path / "profile"
    shutil.copytree(KOTA_CONTOH, folder)
    text = (folder / "cameras.toml").read_text()
    (folder / "cameras.toml").write_text(text.replace("simpang-stasiun", "simpang-tugu"))
    with pytest.raises(TomlError, match="tells of another camera already"):
        load(folder)
    (folder / "cameras.toml").unlink()
    (folder / "vehicles.toml").unlink()
    without = load(folder)
    assert not without.cameras
    assert not without.vehicles
    assert without.buttons == load(KOTA_CONTOH).buttons


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    folder = tmp_path / "profile"
    shutil.copytree(KOTA_CONTOH, folder)
    path = folder / "region.toml"
    path.write_text(path.read_text().replace('"Asia/Jakarta"', '"X"').replace('"piket"', '"y"'))
    with pytest.raises(TomlError) as caught:
        load(folder)
    assert len(caught.value.mistakes) == 2


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(TomlError, match=r"agencies\.toml"):
        load(tmp_path)
