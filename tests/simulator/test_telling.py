"""What people are told: at a terminal with a live line, in a log with plain lines."""

import io
from types import SimpleNamespace

import pytest

from hub.region.loader import load
from simulator import telling
from simulator.cli import PROFILE
from simulator.logins import Login, new_password
from simulator.receiver import Notice
from simulator.rehearsal import USERS
from simulator.report import Quantiles, Readings, Report
from simulator.scenario import plan
from simulator.telling import LOGINS, Presenter, Screen

REGION = load(PROFILE)
SCENARIO = plan(REGION, 240)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(params=[io.StringIO, Terminal])
def out(request):
    return request.param()


def test_a_log_gets_no_live_line_and_a_terminal_writes_it_over():
    log, terminal = io.StringIO(), Terminal()
    for out in (log, terminal):
        screen = Screen(out)
        screen.live("one")
        screen.live("one")
        screen.live("two")
        screen.line("stays")
    assert log.getvalue() == "stays\n"
    assert terminal.getvalue() == "\r\033[Kone\r\033[Ktwo\r\033[Kstays\n"


def test_a_live_line_never_wraps_and_is_gone_before_a_failure_is_told(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    screen = Screen(terminal)
    screen.live("x" * 100)
    screen.clear()
    screen.clear()
    assert terminal.getvalue() == "\r\033[K" + "x" * 19 + "\r\033[K"


def city():
    logins = {name: Login(name, new_password()) for name in ("admin", *USERS)}
    logins["pengendali"].secret = logins["admin"].secret = "A" * 32
    return SimpleNamespace(
        region=REGION,
        gateways=dict.fromkeys(REGION.gateways),
        devices=(),
        logins=logins,
        api=SimpleNamespace(base_url="http://127.0.0.1:8080"),
        influx=SimpleNamespace(url="http://127.0.0.1:18086"),
    )


def test_a_newcomer_reads_where_to_go_who_to_be_and_what_to_watch(out):
    teller, here = Presenter(out), city()
    teller.step("menyiapkan", "starting")
    teller.begins(here, "http://127.0.0.1:8081")
    text = out.getvalue()
    assert " s  menyiapkan / starting\n" in text
    assert "BUKA DI PERAMBAN / OPEN IN A BROWSER    http://127.0.0.1:8080" in text
    assert "http://127.0.0.1:8081" in text
    for name, _, _ in LOGINS:
        assert f"{name:11} {here.logins[name].password} " in text
    assert "pengendali and admin: their six digits are at http://127.0.0.1:8081#codes\n" in text
    assert here.logins["simulasi"].password not in text, "nobody logs in as the story's own operator"
    assert {"/rivers", "/incidents", "/gateways", "/beds"} <= set(text.split())


def test_everyone_who_can_log_in_is_listed():
    assert {name for name, _, _ in LOGINS} == {"admin", *USERS} - {"simulasi"}


def test_every_happening_is_one_line_and_the_round_goes_on(out):
    teller = Presenter(out)
    account = SimpleNamespace(answers=12, notices=3)
    teller.round(2, SCENARIO)
    for after_s in (0.0, 10.0, 31.0, 32.0, 120.0):
        teller.tick(after_s, account, None)
    teller.act(SCENARIO.acts[0], 38.0)
    teller.notice(Notice("k", "p", 1, {"desk": "piket", "title": "SIAGA 1"}, False), 39.0)
    teller.visitor("menekan X", "pressed X")
    teller.says("menunggu", "waiting")
    text = out.getvalue()
    assert "PUTARAN 2 dimulai, 04:00 / round 2 begins\n" in text
    assert f"  00:38  {SCENARIO.acts[0].id} / {SCENARIO.acts[0].en}\n" in text
    assert "  00:39    -> piket: SIAGA 1\n" in text
    assert "pengunjung: menekan X / visitor: pressed X\n" in text
    assert ("█" in text) == out.isatty()
    assert ("13%: 12 jawaban alat" in text) == (not out.isatty())
    assert text.count("%: ") == (0 if out.isatty() else 2), "a log is told every half minute, not every tick"


@pytest.mark.parametrize(("problems", "fine"), [((), True), (("one is missing",), False)])
def test_the_end_says_whether_everything_adds_up(out, problems, fine):
    report = Report(
        readings=Readings(10, 9, 0, 1, 0),
        presses={"made": 2, "incidents_expected": 1, "incidents": 1, "notices": 1},
        scans={"made": 5, "committed": 5},
        latency_ms=dict.fromkeys(
            ("press_to_incident", "press_to_notice", "publish_to_commit"), Quantiles(1.0, 2.0)
        ),
        siaga_changes={"muara": 2},
        gateways={"total": 16, "silent_seen": 1},
        problems=problems,
    )
    Presenter(out).ends(report)
    assert "hilang / lost                            1\n" in out.getvalue()
    assert ("Everything adds up." in out.getvalue()) == fine


def test_passwords_can_be_typed_and_are_never_the_same():
    some = {new_password() for _ in range(200)}
    assert len(some) == 200
    assert all(len(one) == 26 and one.replace("-", "").isalpha() and one.islower() for one in some)


def test_nobody_is_told_anything_by_a_silent_demo(capsys):
    silent = telling.Silent()
    silent.step("a", "b")
    silent.says("a", "b")
    silent.stops()
    assert capsys.readouterr().out == ""
