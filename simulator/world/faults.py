"""What goes wrong in a world, when, and for how long: a schedule drawn from the seed.

Each fault is a row of FAULTS: its weight, and what it does to the world. All of them end, or are ended by
``World.heal``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from simulator.world.clocks import Wall, true_ms
from simulator.world.gateway import GatewayMachine, set_wall
from simulator.world.influx import Mood
from simulator.world.network import Weather

if TYPE_CHECKING:
    from simulator.world.world import World


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        weight: how often it is drawn, relative to the others.
        strike: does it, now.
        disaster: of a card, after which records that only it held are gone. At most one in a world.
    """

    name: str
    weight: float
    strike: Callable[[World, Random], None]
    disaster: bool = False


def _gateway(world: World, random: Random) -> GatewayMachine:
    return random.choice([machine for machine in world.gateways if not machine.retired])


def _gateway_killed(world: World, random: Random) -> None:
    _gateway(world, random).kill()


def _gateway_restarted(world: World, random: Random) -> None:
    _gateway(world, random).restart()


def _gateway_stops_writing(world: World, random: Random) -> None:
    """The process or the power goes away before the n-th coming operation of the card."""
    card = _gateway(world, random).card
    card.stop_at = card.operations + random.randint(1, 25)


def _gateway_power_cut(world: World, random: Random) -> None:
    _gateway(world, random).power_cut()


def _link_cut(world: World, random: Random) -> None:
    link = _gateway(world, random).link
    way = random.choice(("both", "both", "up", "down"))
    world.broker.cut(link, up=way != "down", down=way != "up")
    world.later(random.uniform(1, 40), lambda: world.broker.mend(link))


def _weather(world: World, random: Random) -> None:
    link = random.choice([machine.link for machine in world.gateways] + [world.hub.link])
    link.weather = Weather(
        delay_s=random.choice(((0.005, 0.05), (0.1, 0.8), (0.01, 3.0))),
        drop=random.choice((0.0, 0.1, 0.3)),
        duplicate=random.choice((0.0, 0.1, 0.3)),
        reorder=random.choice((0.0, 0.1, 0.3)),
        bytes_per_s=random.choice((1e6, 1e6, 8e3, 2e3)),
    )

    def clear() -> None:
        link.weather = Weather()

    world.later(random.uniform(5, 60), clear)


def _broker_crash(world: World, random: Random) -> None:
    world.broker.crash()
    world.later(random.uniform(0.5, 15), world.broker.start)


def _hub_killed(world: World, _: Random) -> None:
    world.hub.kill()


def _hub_power_cut(world: World, _: Random) -> None:
    world.hub.power_cut()


def _hub_stops_writing(world: World, random: Random) -> None:
    card = world.hub.card
    card.stop_at = card.operations + random.randint(1, 30)


def _hub_cut(world: World, random: Random) -> None:
    world.broker.cut(world.hub.link)
    world.later(random.uniform(1, 30), lambda: world.broker.mend(world.hub.link))


def _hub_disk_fails(world: World, random: Random) -> None:
    card = world.hub.card
    card.failing = True

    def repair() -> None:
        card.failing = False

    world.later(random.uniform(1, 15), repair)


def _hub_backup(world: World, _: Random) -> None:
    world.hub.back_up()


def _hub_restored(world: World, _: Random) -> None:
    world.hub.restore_backup()


def _influx_down(world: World, random: Random) -> None:
    influx = world.influx
    influx.mood = random.choice(("refuses", "unavailable", "hangs", "lies", "lies", "forgot"))

    def recover() -> None:
        influx.mood = "well"

    world.later(random.uniform(5, 60), recover)


def _influx_crash(world: World, random: Random) -> None:
    influx = world.influx
    influx.crash()

    def recover() -> None:
        influx.mood = "well"

    world.later(random.uniform(5, 40), recover)


def _card_full(world: World, random: Random) -> None:
    """Something else fills the card, to the last sectors."""
    card = _gateway(world, random).card
    assert card.capacity is not None
    card.filler = max(0, card.capacity - card.used - random.choice((0, 0, 4096, 20_000)))

    def free() -> None:
        card.filler = 0

    world.later(random.uniform(10, 90), free)


def _card_fails(world: World, random: Random) -> None:
    card = _gateway(world, random).card
    card.failing = True

    def repair() -> None:
        card.failing = False

    world.later(random.uniform(1, 20), repair)


def _clock_steps(world: World, random: Random) -> None:
    """The wall clock jumps while the board runs: set by hand, by a wrong server, or repaired by a right one."""
    machine = _gateway(world, random)
    now = true_ms(world.loop)
    set_wall(
        machine,
        random.choice(
            (
                Wall(offset_ms=random.uniform(-20, 20), synced=True, error_ms=25),
                Wall(offset_ms=random.uniform(-400, 400), synced=True, error_ms=450),
                Wall(offset_ms=-random.uniform(1e3, 1e7)),
                Wall(offset_ms=-now),
                Wall(offset_ms=10 * 365 * 86_400e3),
            )
        ),
    )


def _noise(world: World, random: Random) -> None:
    """Somebody publishes what is no good: random bytes, another version, another's frame, a retained panic."""
    machine = _gateway(world, random)
    root = f"siaga/1/{machine.enrolment.cell:02d}/{machine.gateway}"
    lane = random.choice(("panic", "event", "telemetry", "beat"))
    payload = random.choice(
        (
            random.randbytes(40),
            b'{"v":2,"gw":"x"}',
            b'{"v":1,"gw":"somebody-else","ep":"' + b"0" * 16 + b'","boot":"00000000","first":1,"n":1,'
            b'"floor":1,"base":0,"ev":[[0,0,{"id":"' + b"a" * 32 + b'","kind":"x","device":"y"}]]}',
            b'{"v":1' + b"[" * 200,
        )
    )
    world.broker.route(f"{root}/up/{lane}", payload, retain=random.random() < 0.3)


def _card_corrupted(world: World, random: Random) -> None:
    """Bits of the spool's file flip while the board is off."""
    machine = _gateway(world, random)
    machine.power_cut()
    names = [name for name in sorted(machine.card.files) if machine.card.size(name) > 0]
    if not names:
        return
    for _ in range(random.choice((1, 3, 30))):
        name = random.choice(names)
        machine.card.flip(name, random.randrange(machine.card.size(name)), random.randrange(1, 256))
    # Damage in the log makes SQLite end it there: the card then is an older copy of itself.
    world.oracle.disaster(machine.name, machine.gateway, "corrupted", clone=True)


def _card_restored(world: World, random: Random) -> None:
    """The card is replaced by a copy that was made some time ago."""
    machine = _gateway(world, random)
    image = machine.card.image()
    if not image:
        return

    def replace() -> None:
        machine.power_cut()
        machine.card.restore(image)
        world.oracle.disaster(machine.name, machine.gateway, "restored", clone=True)

    world.later(random.uniform(2, 60), replace)


def _card_cloned(world: World, random: Random) -> None:
    """A copy of the card runs in a second board beside the first, for a while."""
    machine = _gateway(world, random)
    if not machine.card.files:
        return
    twin = world.clone(machine)
    for _ in range(random.randint(1, 5)):
        world.later(random.uniform(1, 15), lambda: twin.press("button-1"))
        world.later(random.uniform(1, 15), lambda: twin.happen("door_edge"))
        world.later(random.uniform(1, 15), twin.sample)
    world.later(random.uniform(8, 40), twin.retire)


def _card_blank(world: World, random: Random) -> None:
    """The card is replaced by a blank one."""
    machine = _gateway(world, random)
    machine.power_cut()
    machine.card.restore({})
    world.oracle.disaster(machine.name, machine.gateway, "replaced")


def _desk_fails(world: World, random: Random) -> None:
    """The agency's address takes messages and says that it did not, or is away."""
    desk = world.hub.desk
    desk.failing = True

    def recover() -> None:
        desk.failing = False

    world.later(random.uniform(5, 40), recover)


def _hammering(world: World, random: Random) -> None:
    """A button is pressed again and again while its gateway is cut off."""
    machine = _gateway(world, random)
    world.broker.cut(machine.link)
    for _ in range(random.randint(3, 8)):
        world.later(random.uniform(0, 6), lambda: machine.press("button-1"))
        world.later(random.uniform(0, 6), lambda: machine.happen("door_edge"))
    world.later(random.uniform(8, 30), lambda: world.broker.mend(machine.link))


def _backlog_on_a_slow_link(world: World, random: Random) -> None:
    """Events pile up while the gateway is cut off; a button is pressed while they go out over a slow link."""
    machine = _gateway(world, random)
    world.broker.cut(machine.link)
    for n in range(40):
        world.later(0.2 * n, lambda: machine.happen("door_edge"))

    def mend() -> None:
        world.broker.mend(machine.link)
        machine.link.weather = Weather(bytes_per_s=1500)

    def clear() -> None:
        machine.link.weather = Weather()

    world.later(9.0, mend)
    for _ in range(6):
        world.later(random.uniform(10, 30), lambda: machine.press("button-2"))
    world.later(40.0, clear)


def _blank_card_while_influx_is_down(world: World, random: Random) -> None:
    """Receipts of an epoch come when the gateway has left it, and hold back what it has in the next one."""
    machine = _gateway(world, random)

    def blank() -> None:
        if not world.healing:
            machine.pause_s = 0.3
            machine.power_cut()
            machine.card.restore({})
            world.oracle.disaster(machine.name, machine.gateway, "replaced")

    def set_influx(mood: Mood) -> None:
        world.influx.mood = mood

    blank()
    world.later(1.0, lambda: set_influx("unavailable"))
    for at_s in (1.2, 1.6, 2.0, 15.0, 16.0):
        world.later(at_s, machine.sample)
    world.later(random.uniform(10, 13), blank)
    world.later(random.uniform(18, 25), lambda: set_influx("well"))


def _restore_in_a_storm(world: World, random: Random) -> None:
    """A backup, presses that are told and receipted, and the backup put back while receipts are on their way."""
    machine = _gateway(world, random)
    desk, link = world.hub.desk, machine.link
    desk.failing = True
    link.weather = Weather(delay_s=(0.01, 2.0), drop=0.3, duplicate=0.6, reorder=0.5)
    machine.press("button-1")
    at_s = random.uniform(0.5, 4)
    world.later(at_s, world.hub.back_up)
    for _ in range(3):
        at_s += random.uniform(0.2, 1.5)
        world.later(at_s, lambda: machine.press("button-2"))
        world.later(at_s, lambda: machine.happen("door_edge"))
    at_s += random.uniform(0.2, 3.0)

    def restore() -> None:
        if not world.healing:
            world.hub.pause_s = 0.2
            world.hub.restore_backup()

    world.later(at_s, restore)

    def clear() -> None:
        desk.failing = False
        link.weather = Weather()

    world.later(at_s + random.uniform(4, 20), clear)


FAULTS: tuple[Fault, ...] = (
    Fault("gateway killed", 3, _gateway_killed),
    Fault("gateway restarted", 2, _gateway_restarted),
    Fault("gateway stops at an operation of its card", 4, _gateway_stops_writing),
    Fault("gateway power cut", 3, _gateway_power_cut),
    Fault("link cut", 4, _link_cut),
    Fault("weather", 4, _weather),
    Fault("broker crash", 2, _broker_crash),
    Fault("hub killed", 2, _hub_killed),
    Fault("hub power cut", 1, _hub_power_cut),
    Fault("hub stops at an operation of its disk", 4, _hub_stops_writing),
    Fault("hub cut off", 1, _hub_cut),
    Fault("hub disk fails", 1, _hub_disk_fails),
    Fault("hub backup", 2, _hub_backup),
    Fault("hub restored", 2, _hub_restored),
    Fault("influx down", 4, _influx_down),
    Fault("influx crash", 1, _influx_crash),
    Fault("card full", 3, _card_full),
    Fault("card fails", 1, _card_fails),
    Fault("clock steps", 3, _clock_steps),
    Fault("noise", 2, _noise),
    Fault("card corrupted", 1, _card_corrupted, disaster=True),
    Fault("card restored", 1, _card_restored, disaster=True),
    Fault("card cloned", 1, _card_cloned, disaster=True),
    Fault("card blank", 0.7, _card_blank, disaster=True),
    Fault("blank card while InfluxDB is down", 2, _blank_card_while_influx_is_down, disaster=True),
    Fault("desk fails", 2, _desk_fails),
    Fault("hammering", 3, _hammering),
    Fault("restore in a storm", 3, _restore_in_a_storm),
    Fault("backlog on a slow link", 1.5, _backlog_on_a_slow_link),
)
"""Every fault there is."""


def draw(random: Random, until_s: float) -> list[tuple[float, Fault]]:
    """A schedule: when which fault strikes, within a time in seconds."""
    count = random.choice((0, 2, 4, 6, 8, 10, 12))
    weights = [fault.weight for fault in FAULTS]
    schedule: list[tuple[float, Fault]] = []
    disasters = 0
    for fault in random.choices(FAULTS, weights, k=count):
        if fault.disaster:
            disasters += 1
            if disasters > 1:
                continue
        schedule.append((random.uniform(2.0, until_s), fault))
    return sorted(schedule, key=lambda item: item[0])
