"""Lives worked out by hand from docs/semantics.md: churn bands, consent, campaigns."""

import json
from pathlib import Path

import pytest

from tests.reference.churn import ChurnModel, next_band
from tests.unit.reference.life import NOON, D, H, S, brief, identify, live, page, pick, rules, track

#: risk = 1 / (1 + e^2 / (1 + rec)): a function of the silence alone, so crossings can be worked out.
RECENCY_RULE = {
    "version": "recency-1",
    "horizon_days": 30,
    "tau_days": None,
    "p0": None,
    "sc5": {"w0": -2.0, "w1": 0.0, "w2": 1.0, "w3": 0.0, "w4": 0.0, "w5": 0.0},
}
BANDS = "churn: {min_history: 1d, hysteresis: 0.05, bands: {medium: 0.5, high: 0.7, critical: 0.9}}"
CAMPAIGN = (
    "{key: mail, version: 3, on: enter away, channel: email, reason: r, expires_after: 7d, reentry: after 2d}"
)


@pytest.fixture
def recency_rule(tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(RECENCY_RULE))
    return path


def test_risk_is_known_after_min_history_and_crosses_its_thresholds_in_silence(recency_rule: Path) -> None:
    """Known 1 d after the first event: risk(1 d) = 1 / (1 + e^2 / 2) = 0.213014: low.

    Risk 0.5 where 1 + rec = e^2 = 7.38905609893065: after 6.38905609893065 d = 552,014,446.95 ms, so at
    +552,015 s. Risk 0.7 where (1 + rec) / e^2 = 7/3, 1 + rec = 17.24113089750485: 1,403,233,709.5 ms, so at
    +1,403,234 s. Risk 0.9 where 1 + rec = 9 e^2 = 66.50150489037585: 5,659,330,022.5 ms, so at +5,659,331 s.
    """
    result = live(rules(churn=BANDS), [page("ann", NOON)], NOON + 90 * D, model=recency_rule)
    assert brief(result, "previous", "risk", "cause", "rule_version") == [
        (NOON + D, "churn", "low", None, 0.213014, "time", "recency-1"),
        (NOON + 552_015 * S, "churn", "medium", "low", 0.5, "time", "recency-1"),
        (NOON + 1_403_234 * S, "churn", "high", "medium", 0.7, "time", "recency-1"),
        (NOON + 5_659_331 * S, "churn", "critical", "high", 0.9, "time", "recency-1"),
    ]
    assert result.bands == {"ann": "critical"}


def test_an_event_lowers_the_band_by_several_steps(recency_rule: Path) -> None:
    """After 20 d of silence (high) an event brings rec to 1 s and risk to 0.119204: two bands down, at
    once.
    """
    sent = [page("ann", NOON), page("ann", NOON + 20 * D)]
    signals = live(rules(churn=BANDS), sent, NOON + 20 * D, model=recency_rule).signals[0]
    assert pick(signals[-1], ("at_ms", "key", "previous", "risk", "cause")) == [
        NOON + 20 * D + S,
        "low",
        "high",
        0.119204,
        "event",
    ]


@pytest.mark.parametrize(
    ("present", "risk", "band"),
    [
        (None, 0.0, "low"),
        (None, 0.7, "high"),
        ("low", 0.4999, "low"),
        ("low", 0.95, "critical"),
        ("medium", 0.4501, "medium"),
        ("medium", 0.4499, "low"),
        ("high", 0.66, "high"),
        ("high", 0.64, "medium"),
        ("critical", 0.44, "low"),
        ("critical", 0.86, "critical"),
    ],
)
def test_bands_rise_at_once_and_fall_below_the_hysteresis(
    present: str | None, risk: float, band: str
) -> None:
    """Thresholds 0.5, 0.7, 0.9 with a hysteresis of 0.05."""
    assert next_band(present, risk, (0.5, 0.7, 0.9), 0.05) == band


def test_without_activity_there_is_no_risk(recency_rule: Path) -> None:
    """identify alone never gets a band."""
    result = live(rules(churn=BANDS), [identify("ann", NOON)], NOON + 90 * D, model=recency_rule)
    assert result.signals[0] == []
    assert result.risks == {"ann": None}


def test_p0_of_the_published_parameters() -> None:
    """BG/NBD as in Fader, Hardie, Lee (2005), by hand for x = 2 repeats in 30 d, 10 d of silence, H = 30.

    D = .793 / 4.426 * (44.414 / 34.414)^2.243 = .317506; q = (44.414 / 74.414)^2.243 = .314243;
    P0 = 1 - (1 - .314243) / 1.317506 = .479504.
    """
    model = ChurnModel("v", 30, None, {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, None)
    assert model.risk(model.history({0, 15, 30}), 10 * D) == pytest.approx(0.479504, abs=1e-6)


def test_consent_decides_between_a_request_and_its_suppression() -> None:
    """away after 1 h. No consent at first; given before the second time, from which the customer comes back; the third
    is within 2 d of the second.
    """
    sent = [
        page("ann", NOON),
        identify("ann", NOON + 2 * H, email=True),
        page("ann", NOON + 3 * H),
        page("ann", NOON + 10 * H),
        page("ann", NOON + 4 * H + 2 * D + S - H),
    ]
    text = rules("{key: away, enter: recency > 1h}", f"campaigns:\n  - {CAMPAIGN}")
    result = live(text, sent, NOON + 9 * D)
    actions = [signal for signal in brief(result, "abort_type", "rule_version") if signal[2] == "mail"]
    assert actions == [
        (NOON + H + S, "suppressed", "mail", "no_consent", 3),
        (NOON + 4 * H + S, "requested", "mail", None, 3),
        (NOON + 10 * H + S, "ended", "mail", None, 3),
        (NOON + 11 * H + S, "suppressed", "mail", "cooldown", 3),
        (NOON + 4 * H + 2 * D + 2 * S, "requested", "mail", None, 3),
    ]


def test_the_cooldown_ends_after_exactly_its_length() -> None:
    """The second request falls on last + cooldown: `last > now - cooldown` is false, so it goes out."""
    again = NOON + 2 * D + S  # away at again + 1 h, exactly 2 d after the first request at noon + 1 h + 1 s
    sent = [identify("ann", NOON, email=True), page("ann", NOON), page("ann", again - 1)]
    text = rules("{key: away, enter: recency > 1h}", f"campaigns:\n  - {CAMPAIGN}")
    kinds = [signal[:2] for signal in brief(live(text, sent, NOON + 9 * D)) if signal[2] == "mail"]
    assert kinds == [
        (NOON + H + S, "requested"),
        (NOON + 2 * D + S, "ended"),
        (NOON + H + S + 2 * D, "requested"),
    ]


def test_the_latest_word_on_consent_holds() -> None:
    """By the event's time, not by arrival; of one time, by the greater XXH3-64 of the messageId.

    It is e6c632b61e964e1f for `a`, 575a0b1c44d8843f for `b`, 8c40219a46b9f81b for `c`: `a` has the last
    word.
    """
    text = rules("{key: away, enter: recency > 1h}", f"campaigns:\n  - {CAMPAIGN}")
    for order in ("abc", "bca", "cab"):
        sent = [page("ann", NOON), *(identify("ann", NOON, name, email=name == "a") for name in order)]
        sent.append(track("Unsubscribed", "ann", NOON - 1))
        kinds = [signal[1] for signal in brief(live(text, sent, NOON + D)) if signal[2] == "mail"]
        assert kinds == ["requested"]


def test_a_band_campaign_fires_when_the_band_rises_to_it_or_beyond(recency_rule: Path) -> None:
    """First band low at +1 d (known), high at +1,403,234 s: `band high` once, `band low` once; later an
    exit first.

    In one evaluation segments come before churn, churn before actions.
    """
    text = rules(
        "{key: away, enter: recency >= 1d}",
        "campaigns:\n  - {key: hi, on: band high, channel: email, reason: r, expires_after: 1d, reentry: never}\n"
        "  - {key: lo, on: band low, channel: email, reason: r, expires_after: 1d, reentry: never}",
        churn=BANDS,
    )
    result = live(text, [page("ann", NOON)], NOON + 20 * D, model=recency_rule)
    assert brief(result, "version") == [
        (NOON + D, "entered", "away", 1),
        (NOON + D, "churn", "low", 2),
        (NOON + D, "suppressed", "lo", 3),
        (NOON + 552_015 * S, "churn", "medium", 4),
        (NOON + 1_403_234 * S, "churn", "high", 5),
        (NOON + 1_403_234 * S, "suppressed", "hi", 6),
    ]
