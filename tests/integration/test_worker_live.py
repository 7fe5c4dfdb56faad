"""The live clock: silence alone moves customers, on time, and never too early."""

import statistics
import sys
import time
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer

from streamproc.contracts.outbox import OutRecord
from tests.integration.worker import Installation, event, until, wall_ms
from tests.oracle.engine import as_said
from tests.reference.compose import call, encode
from tests.reference.partition import partition_of
from tests.reference.record import Record

pytestmark = pytest.mark.usefixtures("require_apache_kafka")

QUIET_RULES = """
currency: USD
segments:
  - {{key: quiet, name: Quiet, version: 1, enter: recency > {seconds}s}}
"""

Send = Callable[[str, str, list[bytes]], None]


def with_rules(installation: Installation, text: str) -> None:
    """A live installation with these rules."""
    installation.clock = "live"
    installation.rules = installation.directory / "rules.yaml"
    installation.rules.write_text(text)


def logs_of(
    installation: Installation, sent: list[tuple[str, str, bytes]]
) -> dict[tuple[str, int], list[Record]]:
    """(topic, customer, value) as appended records of the customers' partitions."""
    logs: dict[tuple[str, int], list[Record]] = {}
    for topic, customer, value in sent:
        log = logs.setdefault((topic, partition_of(customer, installation.partitions)), [])
        log.append(Record(len(log), customer.encode(), value))
    return logs


async def test_silence_is_noticed_on_time(
    installation: Installation, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """A customer who stops sending changes segment within two seconds of the due instant; nobody else sends."""
    with_rules(installation, QUIET_RULES.format(seconds=3))
    installation.worker().wait_ready()
    sent_ms = {}
    for n in range(12):
        customer = f"silent-{n}"
        sent_ms[customer] = wall_ms()
        log = logs_of(installation, [("events.web", customer, event(customer, sent_ms[customer], 1))])
        await installation.publish(log)
    delays_ms = []
    topic = installation.prefix + "segments.changes"
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=installation.kafka, auto_offset_reset="earliest", fetch_max_wait_ms=20
    ) as consumer:
        while len(delays_ms) < len(sent_ms):
            raw = await consumer.getone()
            arrived_ms = wall_ms()
            signal = as_said(OutRecord("segments.changes", raw.key, list(raw.headers), raw.value))
            due_ms = sent_ms[signal["customer"]] + 3_000
            assert (signal["key"], signal["kind"], signal["cause"]) == ("quiet", "entered", "time")
            assert due_ms < signal["at_ms"] <= due_ms + 1_000
            delays_ms.append(arrived_ms - due_ms)
    median_ms, longest_ms = statistics.median(delays_ms), max(delays_ms)
    sys.stdout.write(f"silence to signal: p50 {median_ms:.0f} ms, max {longest_ms} ms after it was due\n")
    record_testsuite_property("silence_to_signal_ms_p50", median_ms)
    record_testsuite_property("silence_to_signal_ms_max", longest_ms)
    assert median_ms < 2_000
    assert longest_ms < 2_000


async def test_a_backlog_fires_nothing_early(installation: Installation) -> None:
    """At the start, the time of old events counts: who was never silent is not, who was, is, at that instant."""
    with_rules(installation, QUIET_RULES.format(seconds=30))
    now_ms = wall_ms()
    sent = []
    for back_s in range(600, 0, -5):  # steady: first on the web, then in the app, without a pause
        topic = "events.web" if back_s > 300 else "events.app"
        for n in range(6):
            sent.append((topic, f"steady-{n}", event(f"steady-{n}", now_ms - back_s * 1_000, back_s)))
    left_ms = now_ms - 400_000
    sent.append(("events.web", "gone", event("gone", left_ms, 1)))
    await installation.publish(logs_of(installation, sorted(sent, key=lambda one: one[2][-30:])))
    worker = installation.worker(chunk_records=7).wait_ready()
    await installation.wait_applied(len(sent), worker)

    async def gone_is_quiet() -> bool:
        return any(signal["customer"] == "gone" for signal in (await installation.published()).said())

    await until(gone_is_quiet, within_s=10)
    signals = (await installation.published()).said()
    [signal] = [signal for signal in signals if signal["at_ms"] < now_ms + 29_000]
    assert (signal["customer"], signal["key"], signal["cause"]) == ("gone", "quiet", "time")
    assert left_ms + 30_000 < signal["at_ms"] <= left_ms + 31_000


async def test_who_comes_back_is_not_silent(installation: Installation) -> None:
    """An event ends the silence at once, with the event as its cause."""
    with_rules(installation, QUIET_RULES.format(seconds=2))
    worker = installation.worker().wait_ready()
    await installation.publish(logs_of(installation, [("events.app", "c", event("c", wall_ms(), 1))]))
    await until(lambda: worker.metrics().get(SEGMENT_SIGNALS.format(kind="entered"), 0) == 1, within_s=20)
    await installation.publish(logs_of(installation, [("events.web", "c", event("c", wall_ms(), 2))]))
    await until(lambda: worker.metrics().get(SEGMENT_SIGNALS.format(kind="exited"), 0) == 1, within_s=20)
    time.sleep(0.5)
    signals = (await installation.published()).said()[:2]
    place = f"events.web/{partition_of('c', installation.partitions)}/0"
    assert [(signal["kind"], signal["cause"]) for signal in signals] == [
        ("entered", "time"),
        ("exited", "event"),
    ]
    assert signals[1]["causation_id"] == place


SEGMENT_SIGNALS = 'streamproc_signals_total{{key="quiet",kind="{kind}",topic="segments.changes"}}'


CAMPAIGN_RULES = """
segments:
  - {key: quiet, name: Quiet, version: 1, enter: recency > 2s}
campaigns:
  - {key: nudge, name: Nudge, version: 1, on: enter quiet, reentry: never, holdout: 50%, variants: {a: 1, b: 1},
     channel: email, reason: Quiet, attribution: 4s, expires_after: 1h}
"""


async def test_campaigns_are_counted_by_arm(installation: Installation) -> None:
    """Whoever is asked, or would be, comes back or not: `/metrics` tells both, from 0 on."""
    with_rules(installation, CAMPAIGN_RULES)
    worker = installation.worker().wait_ready()
    arms = [(variant, held_out) for variant in ("a", "b") for held_out in ("false", "true")]
    labels = {arm: f'campaign="nudge",holdout="{arm[1]}",variant="{arm[0]}"' for arm in arms}
    begun = worker.metrics()
    assert [begun[f"streamproc_campaign_entries_total{{{own}}}"] for own in labels.values()] == [0] * 4

    customers = [f"c-{n}" for n in range(40)]
    agreed = [("events.web", name, identify(name)) for name in customers]
    came = [("events.web", name, event(name, wall_ms(), 1)) for name in customers]
    await installation.publish(logs_of(installation, agreed + came))

    def total(kind: str, **wanted: str) -> float:
        return sum(
            value
            for sample, value in worker.metrics().items()
            if sample.startswith(f"streamproc_campaign_{kind}_total")
            and all(f'{name}="{label}"' in sample for name, label in wanted.items())
        )

    worker.wait_for(lambda: total("requests") == len(customers))
    back = [("events.web", name, event(name, wall_ms(), 2)) for name in customers[:20]]
    await installation.publish(logs_of(installation, back))
    worker.wait_for(lambda: total("ended") == len(customers))
    assert total("ended", outcome="converted") == 20
    assert total("suppressed") == total("suppressed", campaign="nudge", reason="never_again")
    for arm, own in labels.items():
        entries = worker.metrics()[f"streamproc_campaign_entries_total{{{own}}}"]
        assert entries == total("requests", variant=arm[0], holdout=arm[1]) > 0
        assert entries == total("ended", variant=arm[0], holdout=arm[1])


def identify(customer: str) -> bytes:
    """Agrees to e-mail."""
    now_ms = wall_ms()
    return encode(call("identify", customer, now_ms, f"{customer}-0", traits={"consent": {"email": True}}))
