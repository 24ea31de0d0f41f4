"""``siaga-demo``: a simulated city on real protocols."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from contract.errors import ContractError
from provisioning.errors import ProvisioningError
from provisioning.files import write_text
from simulator.demo import ROUND_S, Demo
from simulator.processes import ServerFailed
from simulator.rehearsal import Rehearsal
from simulator.report import Quantiles, Report
from simulator.scenario import SHORTEST_S, Act, Scenario

PROFILE = Path(__file__).resolve().parents[1] / "profiles" / "kota-contoh"


class Silent:
    """Tells nothing but what is wrong; for machines."""

    def begins(self, city: Rehearsal, scenario: Scenario) -> None: ...

    def act(self, act: Act, after_s: float) -> None: ...

    def tick(self, city: Rehearsal, after_s: float) -> None: ...

    def says(self, id: str, en: str) -> None: ...  # noqa: A002 - Bahasa Indonesia

    def ends(self, found: Report) -> None: ...


class Presenter:
    """Tells people in the room: Bahasa Indonesia first, English second."""

    EVERY_S = 10.0

    def __init__(self) -> None:
        self._told_s = 0.0
        self._duration_s = 0.0
        self._notices = 0

    def says(self, id: str, en: str) -> None:  # noqa: A002 - Bahasa Indonesia
        print(f"         {id} / {en}", flush=True)

    def begins(self, city: Rehearsal, scenario: Scenario) -> None:
        self._duration_s = scenario.duration_s
        user, password = city.influx.login or ("", "")
        print(
            f"\n  {city.region.name} berjalan: {len(city.gateways)} gateway, "
            f"{len(city.devices)} alat Modbus, {len(city.region.buttons)} tombol darurat."
            f"\n  {city.region.name} runs: {len(city.gateways)} gateways, "
            f"{len(city.devices)} Modbus devices, {len(city.region.buttons)} panic buttons.\n"
            f"\n  API        {city.api.base_url}"
            f"\n  InfluxDB   {city.influx.url}  database {city.influx.database}  login {user} {password}"
            f"\n  Broker     {city.broker.host}:{city.broker.port}  (TLS, {city.broker.ca_file})"
            "\n  Login      "
            + "\n             ".join(f"{name:11} {login}" for name, login in city.logins.items()),
            "\n\n  Yang dapat diamati / What to watch:"
            "\n  - gelombang banjir berjalan dari hulu ke muara / a flood wave runs down the river"
            "\n  - satu tombol darurat sungguhan di antara salah tekan / one true press among false ones"
            "\n  - satu gateway terputus lalu menyusul / one gateway is cut off and catches up"
            "\n  - satu sensor bisu, tidak pernah ditampilkan nol / one sensor goes silent and is never shown as zero"
            "\n  Ctrl-C mengakhiri dan menghitung / ends it and counts.\n",
            flush=True,
        )

    def act(self, act: Act, after_s: float) -> None:
        print(f"  {_clock(after_s)}  {act.id} / {act.en}", flush=True)

    def tick(self, city: Rehearsal, after_s: float) -> None:
        taken = city.receiver.taken
        for notice in taken[self._notices :]:
            print(
                f"  {_clock(after_s)}    -> {notice.content['desk']}: {notice.content['title']}", flush=True
            )
        self._notices = len(taken)
        if 0 <= after_s - self._told_s < self.EVERY_S:
            return
        self._told_s = after_s
        print(
            f"  {_clock(after_s)}  {len(city.heard)} jawaban alat, {len(city.receiver.taken)} pemberitahuan / "
            f"device answers, notices; {_clock(max(0.0, self._duration_s - after_s))} lagi / to go",
            flush=True,
        )

    def ends(self, found: Report) -> None:
        readings, presses = found.readings, found.presses
        lines = [
            f"catatan dijanjikan / readings promised   {readings.promised}",
            f"tersimpan / committed                    {readings.committed}",
            f"ditolak / refused                        {readings.refused}",
            f"hilang / lost                            {readings.lost}",
            f"ganda / duplicated                       {readings.duplicated}",
            f"tombol ditekan / presses                 {presses['made']}",
            f"insiden (seharusnya) / incidents         {presses['incidents']} ({presses['incidents_expected']})",
            f"pemberitahuan / notices                  {presses['notices']}",
            f"tekan -> insiden / press to incident     {_ms(found.latency_ms['press_to_incident'])}",
            f"tekan -> pemberitahuan / to notice       {_ms(found.latency_ms['press_to_notice'])}",
            f"kirim -> tersimpan / publish to commit   {_ms(found.latency_ms['publish_to_commit'])}",
            f"perubahan Siaga / Siaga changes          {sum(found.siaga_changes.values())}",
            f"gateway bisu ditemukan / silence seen    {found.gateways['silent_seen']}",
        ]
        print("\n  " + "\n  ".join(lines) + "\n", flush=True)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def _ms(quantiles: Quantiles) -> str:
    if quantiles.p50 is None or quantiles.p99 is None:
        return "-"
    return f"p50 {quantiles.p50:.0f} ms, p99 {quantiles.p99:.0f} ms"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when everything adds up, 1 when not, 2 when the city could not be started."""
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.ERROR)
    home = chosen.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    try:
        found = asyncio.run(_run(chosen, home))
    except (ServerFailed, ContractError, ProvisioningError, OSError, TimeoutError) as error:
        print(f"siaga-demo: {error}", file=sys.stderr)
        return 2
    if chosen.json is not None:
        write_text(chosen.json.resolve(), json.dumps(found.as_json(), indent=2) + "\n", mode=0o644)
    for problem in found.problems:
        print(f"siaga-demo: {problem}", file=sys.stderr)
    return 1 if found.problems else 0


async def _run(chosen: argparse.Namespace, home: Path) -> Report:
    stop = asyncio.Event()
    with _stopped_by_signals(stop):
        teller = Silent() if chosen.headless else Presenter()
        demo = Demo(
            home, chosen.profile.resolve(), chosen.seconds, teller=teller, stop=stop, seed=chosen.seed
        )
        return await demo.run()


@contextlib.contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """The first signal ends the play in good order; the second ends everything at once, leaving nothing
    running."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def end() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="siaga-demo",
        description="Kota simulasi dengan protokol sungguhan / A simulated city on real protocols.",
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        type=float,
        metavar="SECONDS",
        help=f"how long to play, at least {SHORTEST_S:g}; else in rounds of {ROUND_S:g} until Ctrl-C",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there")
    parser.add_argument("--headless", action="store_true", help="tell only what is wrong")
    parser.add_argument("--profile", type=Path, default=PROFILE, metavar="FOLDER", help="region profile")
    parser.add_argument("--postgres", action="store_true", help="keep SQL in PostgreSQL instead of SQLite")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another story")
    parser.add_argument(
        "--home", type=Path, default=Path(".siaga"), metavar="FOLDER", help="for data and demo.json"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
