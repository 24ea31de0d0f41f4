"""The files that a city is given must be such as the gateway and the hub accept."""

from pathlib import Path

import pytest

from edge.config import load as load_edge
from hub.config import load_config as load_hub
from hub.region.loader import load
from provisioning.ca import Identity
from simulator import city
from simulator.attendance import ReaderPlace

PROFILE = Path(__file__).resolve().parents[2] / "profiles" / "kota-contoh"
CHAT = "json://siaga:hush@127.0.0.1:18090/"  # tracked: allowed, a false password


@pytest.fixture(scope="module")
def region():
    return load(PROFILE)


def identity(folder):
    return Identity(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")


def test_every_gateway_of_the_region_gets_a_configuration_that_it_takes(region, tmp_path):
    plans = city.gateways(region)
    assert len(plans) == len(region.gateways) >= 12
    assert [plan.id for plan in plans if plan.readers] == ["gw-balai-kota"]
    for plan in plans:
        path = tmp_path / f"{plan.id}.toml"
        text = city.gateway_toml(
            region,
            plan,
            broker_port=18883,
            modbus_port=15020,
            identity=identity(tmp_path),
            spool=tmp_path / "spool.sqlite",
            readers=ReaderPlace(18081, tmp_path / "key") if plan.readers else None,
        )
        path.write_text(text)
        config = load_edge(path)
        assert (config.gateway.id, config.gateway.cell) == (plan.id, plan.cell)
        assert set(config.device_names) == {device.device for device in plan.devices}
        assert {one.serial for one in config.reader} == {device.serial for device in plan.readers}
        if plan.readers:
            assert config.attendance.listen.port == 18081
            assert config.attendance.zone == region.zone
        for ward in region.wards.values():
            if ward.gateway == plan.id:
                device = next(one for one in config.device if one.name == ward.device)
                assert set(device.quantities) == set(ward.beds), "a free input would look like a free bed"
        for button in region.buttons.values():
            if button.gateway == plan.id:
                assert plan.pin(button.device) >= 0
        with pytest.raises(KeyError):
            plan.pin("nothing")


@pytest.mark.parametrize("database", ["hub.sqlite", "postgresql+pg8000://siaga:x@127.0.0.1/siaga"])
def test_the_hub_takes_its_configuration_and_no_secret_stands_in_it(region, tmp_path, database):
    channels = city.webhooks(region)
    secrets = city.new_secrets(channels)
    assert len(set(secrets.values())) == len(channels) > 1
    chats = city.chats(region)
    drills = city.new_secrets(city.exercise_webhooks(PROFILE, region))
    assert drills
    assert not set(drills) & set(secrets)
    place = city.HubPlace(
        profile=PROFILE,
        broker_port=18883,
        control=identity(tmp_path / "a"),
        telemetry=identity(tmp_path / "b"),
        influx_url="http://127.0.0.1:18086",
        influx_database="siaga",
        influx_login=("siaga", "a password"),
        database=tmp_path / database if "/" not in database else database,
        api_port=18080,
        receiver_port=18090,
        channels={channel.id: f"http://127.0.0.1:18090/{channel.id}" for channel in channels},
        secrets=secrets | drills,
        chats={chat.id: CHAT + chat.id for chat in chats},
        answers="http://127.0.0.1:18080",
        exercise={channel: f"http://127.0.0.1:18091/{channel}" for channel in drills},
    )
    path = tmp_path / "hub.toml"
    path.write_text(city.hub_toml(place, tmp_path))
    config = load_hub(path)
    assert config.database_url.startswith("sqlite:///" if database == "hub.sqlite" else "postgresql")
    assert set(config.channels) == set(secrets) | {chat.id for chat in chats}
    given = {channel.id: channel.kind for agency in region.agencies.values() for channel in agency.channels}
    assert {name: channel.what for name, channel in config.channels.items()} == given, "nobody is left out"
    assert set(config.exercise.channels) == set(drills)
    assert not set(config.exercise.private) & set(config.outbound.private)
    assert config.answers is not None
    assert len(Path(config.answers.key_file).read_text().strip()) >= 32
    for secret in [
        *(value.decode() for value in (secrets | drills).values()),
        "a password",
        "siaga:x@",
        "hush",
    ]:
        assert secret not in path.read_text()
    for file in (tmp_path / "secrets").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
