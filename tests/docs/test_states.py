"""The page of states says what the tables say."""

from checks import states
from hub.notify import policy


def test_the_page_of_states_is_as_the_tables_are():
    assert states.PAGE.read_text(encoding="utf-8") == states.page(), "run: python -m checks.states"


def test_a_step_more_would_be_seen(monkeypatch):
    monkeypatch.setattr(policy, "TRANSITIONS", {**policy.TRANSITIONS, "sent": {"retry": "waiting"}})
    assert states.PAGE.read_text(encoding="utf-8") != states.page()
