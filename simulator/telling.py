"""Who tells people how the demo goes: in a terminal with a live line at the bottom, in a log with plain lines.

Bahasa Indonesia first, English second.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import Protocol, TextIO

from simulator.account import Account
from simulator.interference import Interference
from simulator.receiver import Notice
from simulator.rehearsal import Rehearsal
from simulator.report import Quantiles, Report
from simulator.scenario import Act, Scenario

LOGINS = (
    (
        "pengendali",
        "melihat semua, mengakui, memverifikasi, menugaskan",
        "sees all, acknowledges, verifies, assigns",
    ),
    ("operator", "melihat semua, mengakui, memverifikasi", "sees all, acknowledges, verifies"),
    ("teknisi", "melihat gateway dan alat", "sees gateways and devices"),
    ("layar", "hanya melihat, untuk layar dinding", "only looks, for the wall"),
    ("admin", "mengurus pengguna, membaca jejak audit", "cares for users, reads the audit trail"),
)
"""Who can log in, and what each may do."""

WATCH = (
    ("gelombang banjir berjalan dari hulu ke muara", "a flood wave runs down the river", "/rivers"),
    ("satu tombol darurat sungguhan, lainnya salah tekan", "one true press among false ones", "/incidents"),
    ("satu rumah sakit terputus, lalu menyusul", "a hospital is cut off, and catches up", "/gateways"),
    ("tempat tidur kosong, dengan umur datanya", "free beds, with the age of the data", "/beds"),
    ("sensor bisu tidak pernah ditampilkan nol", "a silent sensor is never shown as zero", "/rivers"),
)
"""What to watch, and on which page."""

PLAIN_S = 30.0
DRAINS_S = 10.0
"""How often a log is told how the round goes, and how much is on its way at the end."""


class Teller(Protocol):
    """Who tells people how it goes."""

    def step(self, id: str, en: str) -> None:  # noqa: A002 - Bahasa Indonesia
        """The next step of the start is being done."""

    def waits(self, here: int, of: int) -> None:
        """So many of so many are there."""

    def begins(self, city: Rehearsal, control: str) -> None:
        """Everything runs; addresses and logins are known."""

    def round(self, number: int, scenario: Scenario) -> None:
        """A round begins."""

    def act(self, act: Act, after_s: float) -> None:
        """The story has done something to the city."""

    def notice(self, notice: Notice, after_s: float) -> None:
        """A duty desk reads something."""

    def tick(self, after_s: float, account: Account, hands: Interference) -> None:
        """Time passes."""

    def visitor(self, id: str, en: str) -> None:  # noqa: A002
        """A visitor has done something on the control page."""

    def says(self, id: str, en: str) -> None:  # noqa: A002
        """One line."""

    def drains(self, left: int) -> None:
        """So many records are on their way."""

    def ends(self, found: Report) -> None:
        """What it came to."""

    def stops(self) -> None:
        """Nothing more is told, whatever happened."""


class Silent:
    """Tells nothing; for machines."""

    def step(self, id: str, en: str) -> None: ...  # noqa: A002

    def waits(self, here: int, of: int) -> None: ...

    def begins(self, city: Rehearsal, control: str) -> None: ...

    def round(self, number: int, scenario: Scenario) -> None: ...

    def act(self, act: Act, after_s: float) -> None: ...

    def notice(self, notice: Notice, after_s: float) -> None: ...

    def tick(self, after_s: float, account: Account, hands: Interference) -> None: ...

    def visitor(self, id: str, en: str) -> None: ...  # noqa: A002

    def says(self, id: str, en: str) -> None: ...  # noqa: A002

    def drains(self, left: int) -> None: ...

    def ends(self, found: Report) -> None: ...

    def stops(self) -> None: ...


class Screen:
    """Lines, and at a terminal one more at the bottom that is written over and over."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = ""
        self.is_terminal = out.isatty()

    def line(self, text: str = "") -> None:
        """A line that stays."""
        self._out.write(("\r\033[K" if self._live else "") + text + "\n")
        self._live = ""
        self._out.flush()

    def live(self, text: str) -> None:
        """The line at the bottom, cut to the terminal's width; nothing in a log."""
        if not self.is_terminal:
            return
        text = text[: shutil.get_terminal_size().columns - 1]
        if text != self._live:
            self._live = text
            self._out.write("\r\033[K" + text)
            self._out.flush()

    def clear(self) -> None:
        """Take the line at the bottom away."""
        if self._live:
            self._out.write("\r\033[K")
            self._out.flush()
        self._live = ""


class Presenter:
    """Tells people in the room."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._screen = Screen(out)
        self._began_s = time.monotonic()
        self._step = ""
        self._step_s = self._began_s
        self._round = 0
        self._duration_s = 0.0
        self._told_s = 0.0
        self._drained_s = 0.0

    # The start

    def step(self, id: str, en: str) -> None:  # noqa: A002
        self._end_step()
        self._step, self._step_s = f"{id} / {en}", time.monotonic()
        self._screen.live(f"  …        {self._step}")

    def waits(self, here: int, of: int) -> None:
        self._screen.live(f"  {time.monotonic() - self._step_s:5.1f} s  {self._step}: {here}/{of}")

    def _end_step(self) -> None:
        if self._step:
            self._screen.line(f"  {time.monotonic() - self._step_s:5.1f} s  {self._step}")
        self._step = ""

    def begins(self, city: Rehearsal, control: str) -> None:
        self._end_step()
        say, region = self._screen.line, city.region
        took_s = time.monotonic() - self._began_s
        say()
        say(
            f"  {region.name} berjalan setelah {took_s:.0f} s: {len(city.gateways)} gateway, "
            f"{len(city.devices)} alat Modbus, {len(region.buttons)} tombol darurat."
        )
        say(
            f"  {region.name} runs after {took_s:.0f} s: {len(city.gateways)} gateways, "
            f"{len(city.devices)} Modbus devices, {len(region.buttons)} panic buttons."
        )
        say()
        say(f"  BUKA DI PERAMBAN / OPEN IN A BROWSER    {city.api.base_url}")
        say(f"  Ganggu kotanya / disturb the city       {control}")
        say()
        say("  Masuk sebagai / log in as    kata sandi / password")
        for name, may_id, may_en in LOGINS:
            say(f"    {name:11} {city.logins[name].password:28} {may_id} / {may_en}")
        asked = " dan ".join(name for name, _, _ in LOGINS if city.logins[name].secret)
        say(f"  {asked}: kode enam angka ada di {control}#codes")
        say(f"  {asked.replace(' dan ', ' and ')}: their six digits are at {control}#codes")
        say()
        say("  Yang dapat diamati / what to watch:")
        for text_id, text_en, path in WATCH:
            say(f"    {path:11} {text_id} / {text_en}")
        say()
        say("  Untuk pembuat program / for programmers: .siaga/demo.json; InfluxDB " + city.influx.url)
        say(
            "  Ceritanya berulang; Ctrl-C mengakhiri dan menghitung. / The story repeats; Ctrl-C ends it and counts."
        )
        say()

    # The rounds

    def round(self, number: int, scenario: Scenario) -> None:
        self._round, self._duration_s, self._told_s = number, scenario.duration_s, 0.0
        self._screen.line(
            f"  00:00  PUTARAN {number} dimulai, {_clock(self._duration_s)} / round {number} begins"
        )

    def act(self, act: Act, after_s: float) -> None:
        self._happens(after_s, f"{act.id} / {act.en}")

    def notice(self, notice: Notice, after_s: float) -> None:
        self._happens(after_s, f"  -> {notice.content['desk']}: {notice.content['title']}")

    def tick(self, after_s: float, account: Account, hands: Interference) -> None:
        done = min(1.0, after_s / (self._duration_s or 1.0))
        bar = ("█" * round(done * 20)).ljust(20, "░")
        counted = f"{account.answers} jawaban alat / answers, {account.notices} pemberitahuan / notices"
        self._screen.live(
            f"  {_clock(after_s)}  {bar} {_clock(self._duration_s)} putaran / round {self._round}: {counted}"
        )
        if not self._screen.is_terminal and after_s - self._told_s >= PLAIN_S:
            self._told_s = after_s
            self._happens(after_s, f"putaran / round {self._round}, {done:.0%}: {counted}")

    def visitor(self, id: str, en: str) -> None:  # noqa: A002
        self._screen.line(f"  >>>>>  pengunjung: {id} / visitor: {en}")

    def _happens(self, after_s: float, text: str) -> None:
        self._screen.line(f"  {_clock(after_s)}  {text}")

    # The end

    def says(self, id: str, en: str) -> None:  # noqa: A002
        self._end_step()
        self._screen.line(f"         {id} / {en}")

    def drains(self, left: int) -> None:
        text = f"         {left} catatan di jalan / records on their way"
        self._screen.live(text)
        now_s = time.monotonic()
        if not self._screen.is_terminal and now_s - self._drained_s >= DRAINS_S:
            self._drained_s = now_s
            self._screen.line(text)

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
            f"pindaian absensi / attendance scans      {found.scans['committed']} ({found.scans['made']})",
            f"tekan -> insiden / press to incident     {_ms(found.latency_ms['press_to_incident'])}",
            f"tekan -> pemberitahuan / to notice       {_ms(found.latency_ms['press_to_notice'])}",
            f"kirim -> tersimpan / publish to commit   {_ms(found.latency_ms['publish_to_commit'])}",
            f"perubahan Siaga / Siaga changes          {sum(found.siaga_changes.values())}",
            f"gateway bisu ditemukan / silence seen    {found.gateways['silent_seen']}",
        ]
        self._screen.line()
        for line in lines:
            self._screen.line("  " + line)
        self._screen.line()
        if not found.problems:
            self._screen.line("  Semuanya cocok. / Everything adds up.")

    def stops(self) -> None:
        self._screen.clear()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def _ms(quantiles: Quantiles) -> str:
    if quantiles.p50 is None or quantiles.p99 is None:
        return "-"
    return f"p50 {quantiles.p50:.0f} ms, p99 {quantiles.p99:.0f} ms"
