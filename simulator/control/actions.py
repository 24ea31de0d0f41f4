"""What a visitor can do, as one table: what it is called, what it does, and what to look at on the pages then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from hub.region.model import Button, Region, Station
from simulator.interference import Interference, Refused

T = TypeVar("T")

Both = tuple[str, str]
"""Bahasa Indonesia, English."""

DOWN_S = 2.0
"""A hub that is started again stays away for so long, as one does that is updated."""


class UnknownError(LookupError):
    """There is no such action, or nothing of that name that it can be done to."""


@dataclass(frozen=True, slots=True)
class Order:
    """One action with what it is done to.

    Attributes:
        target: id of a button, station, gateway, or ``gateway/device``; empty where there is one only.
        level_m: of the river.
    """

    hands: Interference
    region: Region
    target: str
    level_m: float

    @property
    def button(self) -> Button:
        """The button that is meant."""
        return _of(self.region.buttons, self.target)

    @property
    def station(self) -> Station:
        """The river post that is meant."""
        return _of(self.region.stations, self.target)

    @property
    def gateway(self) -> str:
        """The gateway that is meant."""
        return _of(self.region.gateways, self.target).id

    @property
    def device(self) -> tuple[str, str]:
        """The Modbus device that is meant: gateway and device."""
        for one in self.region.devices:
            if f"{one.gateway}/{one.device}" == self.target and one.driver == "modbus_tcp":
                return one.gateway, one.device
        raise UnknownError(self.target)


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the table.

    Attributes:
        done: what was done, with ``{0}`` for the name of what it was done to.
        look: what to look at then.
        page: where.
    """

    do: Callable[[Order], Awaitable[None]]
    done: Both
    look: Both
    page: str


async def _press(order: Order) -> None:
    await order.hands.press(order.button, by="visitor")


async def _river(order: Order) -> None:
    top_m = order.station.thresholds_mm[2] / 1000
    if not 0 <= order.level_m <= river_top_m(order.station):
        raise Refused(
            f"tinggi harus 0 sampai {river_top_m(order.station):.2f} m",
            f"a level is 0 to {river_top_m(order.station):.2f} m; Siaga 1 begins at {top_m:.2f} m",
        )
    order.hands.hold(order.station, order.level_m)


async def _flow(order: Order) -> None:
    order.hands.let_flow(order.station)


async def _silence(order: Order) -> None:
    order.hands.silence(*order.device, by="visitor")


async def _answer(order: Order) -> None:
    order.hands.answer(*order.device, by="visitor")


async def _cut(order: Order) -> None:
    order.hands.cut(order.gateway, by="visitor")


async def _restore(order: Order) -> None:
    order.hands.restore(order.gateway, by="visitor")


async def _revoke(order: Order) -> None:
    await order.hands.revoke(order.gateway)


async def _enrol(order: Order) -> None:
    await order.hands.enrol(order.gateway)


async def _power_off(order: Order) -> None:
    await order.hands.kill(order.gateway)


async def _power_on(order: Order) -> None:
    await order.hands.start(order.gateway)


def _stop(part: str) -> Callable[[Order], Awaitable[None]]:
    return lambda order: order.hands.stop(part)


def _kill(part: str) -> Callable[[Order], Awaitable[None]]:
    return lambda order: order.hands.kill(part)


def _start(part: str) -> Callable[[Order], Awaitable[None]]:
    return lambda order: order.hands.start(part)


async def _freeze(order: Order) -> None:
    order.hands.freeze("influx")


async def _hub_restart(order: Order) -> None:
    await order.hands.stop("hub")
    await asyncio.sleep(DOWN_S)
    await order.hands.start("hub")


async def _heal(order: Order) -> None:
    await order.hands.heal()


def river_top_m(station: Station) -> float:
    """The highest water that a visitor can make: well beyond Siaga 1."""
    return round(station.thresholds_mm[2] / 1000 * 1.25, 1)


ACTIONS = {
    "press": Action(
        _press,
        ("menekan {0}", "pressed {0}"),
        (
            "Dalam sekejap muncul insiden BELUM DIVERIFIKASI, dengan bunyi. Akui dengan nama Anda; operator simulasi "
            "menunggu semenit sebelum ikut campur. Di bawah Peristiwa terlihat tekanannya.",
            "In an instant an UNVERIFIED incident appears, with a sound. Acknowledge it by your name; the simulated "
            "operator waits a minute before it steps in. The press itself is among the events.",
        ),
        "/incidents",
    ),
    "river": Action(
        _river,
        ("mengatur air di {0}", "set the water at {0}"),
        (
            "Air bergerak 15 cm per detik. Saat melewati ambang, tingkat Siaga berubah, alarm menyala, dan piket "
            "diberi tahu. Akuilah alarmnya.",
            "The water moves by 15 cm a second. As it passes a threshold the Siaga level changes, an alarm is "
            "raised, and the duty desk is told. Acknowledge the alarm.",
        ),
        "/rivers",
    ),
    "flow": Action(
        _flow,
        ("melepas air di {0}", "let the water go at {0}"),
        ("Air kembali ke cerita putaran ini.", "The water goes back to the story of this round."),
        "/rivers",
    ),
    "silence": Action(
        _silence,
        ("membisukan {0}", "silenced {0}"),
        (
            "Sesudah dua pembacaan yang terlewat: alarm alat bisu. Nilai terakhir tetap terlihat dengan umurnya, tidak "
            "pernah nol; pada grafik sungai ada celah, tempat tidur menjadi basi.",
            "After two missed readings: an alarm for a silent device. The last value stays with its age, never "
            "zero; a river's plot has a gap, beds become stale.",
        ),
        "/",
    ),
    "answer": Action(
        _answer,
        ("menghidupkan {0}", "woke {0}"),
        (
            "Nilai baru datang lagi; celah pada grafik tetap ada.",
            "New values come; the gap in the plot stays.",
        ),
        "/rivers",
    ),
    "cut": Action(
        _cut,
        ("memutus jaringan {0}", "cut the network of {0}"),
        (
            "Gateway menjadi bisu setelah tiga denyut (paling lama semenit). Ia terus mencatat ke kartunya. Tekan "
            "tombolnya sekarang: insidennya datang saat jaringan pulih, dengan tanda TERLAMBAT bila sudah lama.",
            "The gateway falls silent after three beats (a minute at most). It goes on recording on its card. Press "
            "its button now: the incident comes when the network is back, marked TERLAMBAT if it is late.",
        ),
        "/gateways",
    ),
    "restore": Action(
        _restore,
        ("memulihkan jaringan {0}", "restored the network of {0}"),
        (
            "Dalam beberapa detik gateway terdengar lagi. Di jalan naik lalu turun ke nol, hilang tetap nol.",
            "Within seconds the gateway is heard again. On its way rises and falls to zero, lost stays zero.",
        ),
        "/gateways",
    ),
    "revoke": Action(
        _revoke,
        ("mencabut kepercayaan {0}", "took the trust of {0} away"),
        (
            "Seperti gateway yang dicuri: sambungannya putus dalam sedetik, sertifikatnya masuk daftar cabut, dan hub "
            "menolak semua pesannya, tekanan tombol pun. Ia terus mencatat ke kartunya.",
            "As of a stolen gateway: its connection ends within a second, its certificate is on the list of revoked "
            "ones, and the hub refuses all that it says, a press too. It goes on recording on its card.",
        ),
        "/gateways",
    ),
    "enrol": Action(
        _enrol,
        ("mendaftarkan lagi {0}", "enrolled {0} again"),
        (
            "Dengan klaim baru ia membuat kunci baru dan mendapat sertifikat baru. Semua yang tercatat sementara itu "
            "menyusul.",
            "By a new claim it makes a new key and gets a new certificate. All that it recorded meanwhile follows.",
        ),
        "/gateways",
    ),
    "power_off": Action(
        _power_off,
        ("memutus listrik {0}", "cut the power of {0}"),
        (
            "Yang sudah tercatat di kartu tetap ada. Gateway menjadi bisu; tombolnya tidak didengar siapa pun.",
            "What is on its card stays. The gateway falls silent; nobody hears its button.",
        ),
        "/gateways",
    ),
    "power_on": Action(
        _power_on,
        ("menyalakan listrik {0}", "restored the power of {0}"),
        (
            "Gateway menyala dalam sedetik, mengirim yang tertunda, dan melapor boot baru.",
            "The gateway is up within a second, sends what waited, and reports a new boot.",
        ),
        "/gateways",
    ),
    "influx_stop": Action(
        _stop("influx"),
        ("menghentikan InfluxDB", "stopped InfluxDB"),
        (
            "Tekanan dan alarm Siaga tetap jalan. Pembacaan menunggu di gateway; halaman menandai yang basi dengan "
            "arsiran dan umurnya.",
            "Presses and Siaga alarms go on. Readings wait on the gateways; pages hatch what is stale and tell its "
            "age.",
        ),
        "/gateways",
    ),
    "influx_freeze": Action(
        _freeze,
        ("membekukan InfluxDB", "froze InfluxDB"),
        (
            "Seperti berhenti, hanya lebih jahat: ia menerima sambungan dan tidak menjawab. Hub tidak ikut macet.",
            "As a stop, only nastier: it takes connections and does not answer. The hub does not hang with it.",
        ),
        "/gateways",
    ),
    "influx_start": Action(
        _start("influx"),
        ("menjalankan InfluxDB", "started InfluxDB"),
        (
            "Semua yang menunggu menyusul, tanpa ganda dan tanpa hilang; grafik terisi ke belakang.",
            "All that waited follows, nothing twice and nothing lost; the plots fill in backwards.",
        ),
        "/gateways",
    ),
    "hub_restart": Action(
        _hub_restart,
        ("menjalankan ulang hub", "restarted the hub"),
        (
            "Halaman berkata sambungan terputus, lalu pulih sendiri dalam beberapa detik. Anda tetap masuk.",
            "Pages say that the connection is lost, and recover by themselves in seconds. You stay logged in.",
        ),
        "/",
    ),
    "hub_kill": Action(
        _kill("hub"),
        ("mematikan hub mendadak", "killed the hub"),
        (
            "Sambungan terputus; data pada halaman menua di depan mata. Gateway menyimpan semuanya.",
            "The connection is lost; the data on the pages grow old before your eyes. Gateways keep everything.",
        ),
        "/",
    ),
    "hub_start": Action(
        _start("hub"),
        ("menjalankan hub", "started the hub"),
        (
            "Halaman pulih sendiri; yang tertunda menyusul.",
            "Pages recover by themselves; what waited follows.",
        ),
        "/",
    ),
    "broker_kill": Action(
        _kill("broker"),
        ("mematikan broker MQTT", "killed the MQTT broker"),
        (
            "Tidak ada yang sampai, tidak ada yang hilang. Selama hub sendiri tidak mendengar, ia tidak menuduh "
            "gateway mana pun bisu.",
            "Nothing arrives, nothing is lost. While the hub itself hears nothing, it calls no gateway silent.",
        ),
        "/gateways",
    ),
    "broker_start": Action(
        _start("broker"),
        ("menjalankan broker MQTT", "started the MQTT broker"),
        (
            "Semua tersambung kembali dalam beberapa detik, tekanan darurat lebih dulu.",
            "All are connected again within seconds, presses first.",
        ),
        "/gateways",
    ),
    "heal": Action(
        _heal,
        ("memulihkan semuanya", "healed everything"),
        ("Semua bagian hidup dan tersambung; ceritanya berlanjut.", "Every part is up; the story goes on."),
        "/",
    ),
}
"""Every action by its name."""


def name_of(region: Region, target: str) -> str:
    """What people call a target; itself where it is nothing of the region."""
    gateway, _, device = target.partition("/")
    if target in region.buttons:
        return f"{region.buttons[target].name}, {region.sites[region.buttons[target].site].name}"
    if target in region.stations:
        return region.stations[target].name
    if gateway in region.gateways:
        site = region.sites[region.site_of(gateway)].name
        return f"{site} ({device})" if device else site
    return target


def _of(table: Mapping[str, T], target: str) -> T:
    try:
        return table[target]
    except KeyError as error:
        raise UnknownError(target) from error
