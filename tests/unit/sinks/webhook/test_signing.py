"""Whoever verifies with the package that receivers use finds our signatures right, and nobody else's."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from streamproc.errors import StreamprocError
from streamproc.sinks.webhook.signing import headers, parse_secrets

ID = "4441fe434cb7893cb8dd3dd1345c41b1"


def secret(byte: int) -> str:
    """A secret as it is given to receivers."""
    return "whsec_" + base64.b64encode(bytes([byte]) * 32).decode()


def now_ms() -> int:
    return int(time.time() * 1000)


@given(st.text(), st.binary(min_size=24, max_size=64))
def test_the_verifier_accepts_what_is_signed(text: str, key: bytes) -> None:
    """Whatever the body and the key."""
    written = "whsec_" + base64.b64encode(key).decode()
    body = text.encode(errors="replace")
    sent = headers(parse_secrets(written), ID, body, now_ms())
    Webhook(written).verify(body, sent, json_parse=False)


def test_each_secret_signs() -> None:
    """While they are changed, a receiver with either verifies; one with another does not."""
    sent = headers(parse_secrets(f"{secret(1)}, {secret(2)}"), ID, b'{"a":1}', now_ms())
    assert len(sent["webhook-signature"].split(" ")) == 2
    for known in (1, 2):
        assert Webhook(secret(known)).verify(b'{"a":1}', sent) == {"a": 1}
    with pytest.raises(WebhookVerificationError, match="No matching"):
        Webhook(secret(3)).verify(b'{"a":1}', sent)


@pytest.mark.parametrize(("name", "other"), [("webhook-id", "other"), ("webhook-timestamp", None)])
def test_id_and_time_are_signed(name: str, other: str | None) -> None:
    sent = headers(parse_secrets(secret(1)), ID, b"{}", now_ms())
    sent[name] = other or str(int(sent[name]) + 1)
    with pytest.raises(WebhookVerificationError, match="No matching"):
        Webhook(secret(1)).verify(b"{}", sent)


def test_an_old_attempt_is_refused() -> None:
    """The time is that of the attempt, so a replay by others is noticed."""
    sent = headers(parse_secrets(secret(1)), ID, b"{}", now_ms() - 600_000)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret(1)).verify(b"{}", sent)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no secret"),
        ("hush", "secret 1 .* does not begin with whsec_"),
        (f"{secret(1)} whsec_hush!", "secret 2 .* is not base64"),
        ("whsec_aHVzaA==", "is 4 bytes long"),
        ("whsec_" + "A" * 88, "is 66 bytes long"),
    ],
)
def test_a_secret_that_cannot_be_used_is_not_shown(text: str, says: str) -> None:
    with pytest.raises(StreamprocError, match=says) as refusal:
        parse_secrets(text)
    assert "hush" not in str(refusal.value)
    assert "aHVzaA" not in str(refusal.value)
