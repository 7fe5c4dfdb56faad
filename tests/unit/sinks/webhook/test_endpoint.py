"""What settings say of a receiver."""

from pathlib import Path

import pytest

from streamproc.errors import StreamprocError
from streamproc.settings import Settings
from streamproc.sinks.webhook.endpoint import campaigns_of, doubts, group_of, host_of

RULES = """
segments: [{key: dormant, name: Dormant, version: 1, enter: recency > 30d}]
campaigns:
  - {key: win_back, name: Win back, version: 1, on: enter dormant, reentry: never, channel: email, reason: r,
     expires_after: 1d}
"""


def test_receivers_have_groups_of_their_own() -> None:
    assert group_of(Settings()) == "streamproc.webhooks"
    assert group_of(Settings(webhook_name="crm-2")) == "streamproc.webhooks.crm-2"


@pytest.mark.parametrize("name", ["CRM", "a.b", "a b", "{a}", "x" * 65])
def test_names_that_cannot_be_used(name: str) -> None:
    with pytest.raises(StreamprocError, match="STREAMPROC_WEBHOOK_NAME"):
        group_of(Settings(webhook_name=name))


def test_campaigns_are_named_by_their_keys() -> None:
    assert campaigns_of(Settings()) == ()
    assert campaigns_of(Settings(webhook_campaigns="win_back, rescue\nwin_back,")) == ("win_back", "rescue")
    with pytest.raises(StreamprocError, match="names nothing"):
        campaigns_of(Settings(webhook_campaigns=" , "))


def test_campaigns_that_the_rules_do_not_have_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    assert doubts(Settings(rules=str(path), webhook_campaigns="win_back")) == []
    assert doubts(Settings(rules=str(path), webhook_campaigns="winback,Other")) == [
        f"STREAMPROC_WEBHOOK_CAMPAIGNS names 'winback', which is no campaign of {path}. did you mean `win_back`?",
        f"STREAMPROC_WEBHOOK_CAMPAIGNS names 'Other', which is no campaign of {path}. It has: win_back",
    ]


def test_all_campaigns_are_beyond_doubt() -> None:
    assert doubts(Settings(rules="/nowhere.yaml")) == []


def test_rules_that_cannot_be_read_are_no_reason_to_end() -> None:
    """Webhooks must go on, whatever somebody is just writing into the rules."""
    (doubt,) = doubts(Settings(rules="/nowhere.yaml", webhook_campaigns="win_back"))
    assert doubt.startswith("names of campaigns are not checked: ")
    assert "/nowhere.yaml" in doubt


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://u:p@example.com:8443/token?x", "example.com:8443"), ("", ""), ("https://a:b", "")],
)
def test_of_a_url_the_host_is_shown(url: str, host: str) -> None:
    assert host_of(Settings(webhook_url=url)) == host
