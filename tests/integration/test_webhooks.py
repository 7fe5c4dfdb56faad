"""Webhooks against a receiver that fails, stalls and closes, on real Kafka and Redis: none lost, each under its id."""

import asyncio
import json
import random
import signal as signal_names
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from hashlib import md5
from typing import Any

import pytest
import redis
from aiohttp import web
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from click.testing import CliRunner, Result

from streamproc.cli.webhooks import webhooks_group
from streamproc.errors import StreamprocError
from streamproc.settings import load_settings
from streamproc.sinks.webhook.message import EVENTS
from streamproc.sinks.webhook.program import run_webhooks
from streamproc.transport.bulk import open_bulk_producer
from streamproc.transport.outlet import Outgoing
from streamproc.transport.partitioner import partitions_of
from tests.integration.receiver import SECRET, Arrival, Receiver, accept, receiving, stall
from tests.integration.worker import Installation, iso, until, wall_ms

WITHIN_S = 60
HOUR_MS = 3_600_000


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that takes everything until it is told otherwise."""
    async with receiving() as made:
        yield made


def id_of(name: str) -> str:
    return md5(name.encode(), usedforsecurity=False).hexdigest()


def signal(
    customer: str,
    number: int,
    *,
    expires_ms: int | None = None,
    event: str = EVENTS[0],
    campaign: str = "win_back",
) -> Outgoing:
    """A signal of actions.reactivation, without a topic prefix."""
    expires_at = iso(wall_ms() + HOUR_MS if expires_ms is None else expires_ms)
    value = {
        "type": "track",
        "event": event,
        "messageId": id_of(f"{customer}-{number}"),
        "userId": customer,
        "properties": {"expires_at": expires_at, "reason": "größer als ü", "campaign": campaign},
    }
    return Outgoing("actions.reactivation", customer.encode(), json.dumps(value).encode())


async def publish(installation: Installation, *signals: Outgoing) -> None:
    topic = f"{installation.prefix}actions.reactivation"
    async with open_bulk_producer(installation.brokers, {topic: installation.partitions}) as producer:
        await producer.send([one._replace(topic=topic) for one in signals])


def settings_for(receiver: Receiver, **settings: object) -> dict[str, object]:
    """Quick pauses, and a receiver on this machine."""
    return {
        "webhook_url": receiver.url,
        "webhook_secret": SECRET,
        "webhook_allow_private": "yes",
        "webhook_pause_ms": 50,
        "webhook_timeout_ms": 700,
        **settings,
    }


@asynccontextmanager
async def running(
    installation: Installation,
    receiver: Receiver,
    *,
    events: tuple[str, ...] = EVENTS[:1],
    **settings: object,
) -> AsyncIterator[None]:
    """The program in this process; at the end it is cancelled, which is no orderly end."""
    environment = installation.environment(**settings_for(receiver, **settings))
    task = asyncio.create_task(run_webhooks(load_settings(environment), events))
    try:
        yield
        assert not task.done(), task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def status(installation: Installation, receiver: Receiver) -> dict[str, Any]:
    """What `streamproc webhooks status --json` says."""
    ran = await command(installation, receiver, "status", "--json")
    assert ran.exit_code == 0, ran.output
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


async def command(
    installation: Installation, receiver: Receiver, *arguments: str, **settings: object
) -> Result:
    """A subcommand of `webhooks`; in this process, for a new one takes seconds on a busy machine."""
    environment = installation.environment(**settings_for(receiver, **settings))
    return await asyncio.to_thread(CliRunner().invoke, webhooks_group, arguments, env=environment)


async def arrived(receiver: Receiver, signals: int) -> None:
    """Return once so many ids were accepted."""
    await until(lambda: len(set(receiver.accepted)) >= signals, WITHIN_S)


def answers(first: Mapping[str, Any]) -> Any:
    """By customer, what becomes of the first attempt; later ones are accepted."""

    async def behave(arrival: Arrival) -> web.StreamResponse | None:
        if arrival.attempt > 1:
            return await accept(arrival)
        found = first[arrival.customer]
        return await found() if callable(found) else found

    return behave


async def test_whatever_the_receiver_does_each_signal_arrives(
    installation: Installation, receiver: Receiver
) -> None:
    """Errors, redirects, a stall, a broken connection: tried again with the same id and body, signed anew."""
    receiver.behaviour = answers(
        {
            "bad": web.Response(status=400, text="no \x1b[31m"),
            "missing": web.Response(status=404),
            "moved": web.Response(status=307, headers={"Location": receiver.url}),
            "broken": web.Response(status=500, text="x" * 5_000_000),
            "odd": web.Response(status=500, headers={"Retry-After": "soon"}),
            "stalls": stall,
            "closes": None,
        }
    )
    customers = ("bad", "missing", "moved", "broken", "odd", "stalls", "closes")
    signals = [signal(customer, 1) for customer in customers]
    await publish(installation, *signals)
    async with running(installation, receiver):
        await arrived(receiver, len(customers))
    assert sorted(receiver.accepted) == sorted(id_of(f"{customer}-1") for customer in customers)
    for one in signals:
        assert one.key is not None
        attempts = receiver.of(one.key.decode())
        assert len(attempts) == 2
        assert {attempt.body for attempt in attempts} == {one.value}
    assert (await status(installation, receiver))["waiting"] == 0


async def test_a_customers_next_signal_waits_for_the_one_before(
    installation: Installation, receiver: Receiver
) -> None:
    """Others do not."""

    async def behave(arrival: Arrival) -> web.StreamResponse:
        fails = arrival.id == id_of("a-1") and arrival.attempt <= 3
        return web.Response(status=500 if fails else 200)

    receiver.behaviour = behave
    await publish(installation, *(signal(customer, number) for number in (1, 2, 3) for customer in "ab"))
    async with running(installation, receiver):
        await arrived(receiver, 6)
    a, b = receiver.of("a"), receiver.of("b")
    assert [one.id for one in a] == [id_of("a-1")] * 4 + [id_of("a-2"), id_of("a-3")]
    assert [one.id for one in b] == [id_of(f"b-{number}") for number in (1, 2, 3)]
    assert b[-1].at_s < a[3].at_s


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_waited_for_by_all(
    installation: Installation, receiver: Receiver, form: str
) -> None:
    async def behave(arrival: Arrival) -> web.StreamResponse:
        if len(receiver.arrivals) > 1:
            return web.Response()
        wish = "2" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
        return web.Response(status=429, headers={"Retry-After": wish})

    receiver.behaviour = behave
    await publish(installation, signal("a", 1), signal("b", 1), signal("c", 1))
    async with running(installation, receiver, webhook_parallel=1):
        await arrived(receiver, 3)
    waited_s = receiver.arrivals[1].at_s - receiver.arrivals[0].at_s
    assert waited_s > (1.9 if form == "seconds" else 0.9)


async def test_410_disables_until_enabled(installation: Installation, receiver: Receiver) -> None:
    """Over restarts, and what waits is sent then."""
    receiver.behaviour = answers({"a": web.Response(status=410, text="closed")})
    await publish(installation, signal("a", 1))
    async with running(installation, receiver):
        await until(lambda: receiver.arrivals, WITHIN_S)
        await asyncio.sleep(0.5)
    async with running(installation, receiver, webhook_pause_ms=60_000):
        await publish(installation, signal("b", 1))
        await asyncio.sleep(2)
        assert len(receiver.arrivals) == 1
        found = await status(installation, receiver)
        assert found["disabled"]["answer"] == "HTTP 410: closed"
        assert found["waiting"] == 2
        receiver.behaviour = accept
        assert (await command(installation, receiver, "enable")).stdout == "enabled\n"
        await arrived(receiver, 2)
    assert (await status(installation, receiver))["disabled"] is None


async def test_a_full_backlog_stops_the_reading(installation: Installation, receiver: Receiver) -> None:
    """Kafka holds the rest; nothing is lost, and the metrics say so."""

    async def refuse(_: Arrival) -> web.StreamResponse:
        return web.Response(status=500)

    receiver.behaviour = refuse
    await publish(installation, *(signal(f"c{number}", 1) for number in range(40)))
    process = installation.begin("webhooks", **settings_for(receiver, webhook_backlog=10))
    await until(lambda: process.metrics().get("streamproc_webhook_full") == 1, WITHIN_S)
    await asyncio.sleep(1.5)
    await until(lambda: process.metrics()["streamproc_webhook_unread_records"] == 30, WITHIN_S)
    metrics = process.metrics()
    assert metrics["streamproc_webhook_backlog_records"] == 10
    assert metrics["streamproc_webhook_oldest_seconds"] > 1
    assert len({arrival.id for arrival in receiver.arrivals}) <= 10
    assert metrics['streamproc_webhook_attempts_total{result="5xx"}'] >= 10
    assert "the backlog is full" in process.text
    receiver.behaviour = accept
    await arrived(receiver, 40)
    await until(lambda: process.metrics().get("streamproc_webhook_full") == 0, WITHIN_S)
    assert process.metrics()["streamproc_webhook_delivered_total"] == 40
    code, took_s = await asyncio.to_thread(process.terminate)
    assert code == 0, process.text
    assert took_s < 10
    assert receiver.url not in process.text
    assert SECRET not in process.text


async def test_expired_actions_are_not_sent(installation: Installation, receiver: Receiver) -> None:
    """Neither those that had expired before they were read, nor those that expire while they wait."""

    async def refuse(arrival: Arrival) -> web.StreamResponse:
        return web.Response(status=200 if arrival.customer == "live" else 500)

    receiver.behaviour = refuse
    soon_ms = wall_ms() + 6_000
    await publish(
        installation,
        signal("late", 1, expires_ms=wall_ms() - 1_000),
        signal("soon", 1, expires_ms=soon_ms),
        signal("soon", 2, expires_ms=soon_ms),
        signal("live", 1),
    )
    async with running(installation, receiver, webhook_pause_ms=200):
        await arrived(receiver, 1)
        await until(lambda: receiver.of("soon"), WITHIN_S)
        await asyncio.sleep((soon_ms - wall_ms()) / 1000 + 1.5)
        found = await status(installation, receiver)
    assert not receiver.of("late")
    assert max(one.timestamp for one in receiver.of("soon")) * 1000 <= soon_ms
    assert found["waiting"] == 0
    assert {(letter["id"], letter["reason"]) for letter in found["given_up"]} == {
        (id_of("soon-1"), "expired"),
        (id_of("soon-2"), "expired"),
    }


async def test_what_is_no_signal_and_other_events_are_left_out(
    installation: Installation, receiver: Receiver
) -> None:
    topic = "actions.reactivation"
    await publish(
        installation,
        Outgoing(topic, b"a", b"{"),
        Outgoing(topic, b"a", None),
        signal("a", 1, event="Reactivation Suppressed"),
        signal("a", 2, event="Reactivation Ended"),
        signal("a", 3),
    )
    async with running(installation, receiver, events=EVENTS[1:]):
        await arrived(receiver, 2)
    assert receiver.accepted == [id_of("a-1"), id_of("a-2")]


async def refuse_all(_: Arrival) -> web.StreamResponse:
    """What is wrong with the receiver is wrong for every message."""
    return web.Response(status=500)


async def test_each_receiver_gets_its_campaigns(installation: Installation, receiver: Receiver) -> None:
    """Two of them, each with a name: what one fails on, or gives up, is nothing to the other."""
    await publish(
        installation,
        signal("a", 1),
        signal("a", 2, campaign="rescue"),
        signal("b", 3, campaign="nudge"),
        signal("b", 4),
    )
    async with receiving() as crm:
        crm.behaviour = refuse_all
        named = {"webhook_name": "crm", "webhook_campaigns": "rescue,nudge"}
        async with (
            running(installation, receiver, webhook_campaigns="win_back"),
            running(installation, crm, **named, http_port=0),
        ):
            await arrived(receiver, 2)
            await until(lambda: len(crm.arrivals) > 3, WITHIN_S)
            crm.behaviour = accept
            await arrived(crm, 2)
        assert sorted(receiver.accepted) == sorted(map(id_of, ("a-1", "b-4")))
        assert sorted(crm.accepted) == sorted(map(id_of, ("a-2", "b-3")))
        ran = await command(installation, crm, "status", "--json", **named)
        assert (json.loads(ran.stdout)["name"], json.loads(ran.stdout)["waiting"]) == ("crm", 0)


async def test_what_was_given_up_is_sent_again(installation: Installation, receiver: Receiver) -> None:
    """Under its old id, the oldest first; unless its action has expired."""
    receiver.behaviour = refuse_all
    soon_ms = wall_ms() + 6_000
    await publish(installation, signal("soon", 1, expires_ms=soon_ms), signal("a", 1), signal("a", 2))
    async with running(installation, receiver, webhook_patience_ms=1_500):
        for _ in range(WITHIN_S):
            await asyncio.sleep(1)
            if len((await status(installation, receiver))["given_up"]) == 3:
                break
    ran = await command(installation, receiver, "resend", "--all")
    assert (ran.exit_code, ran.stdout.splitlines()[-1]) == (
        1,
        "0 delivered; 1 failed; 2 not tried any more: the receiver fails",
    )
    await asyncio.sleep(max(soon_ms - wall_ms(), 0) / 1000)
    receiver.behaviour = accept
    before = len(receiver.arrivals)
    ran = await command(installation, receiver, "resend", "--since", "1h")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.splitlines()[-1] == (
        "2 delivered; 1 left out, for their actions have expired (--expired sends them)"
    )
    assert [one.id for one in receiver.arrivals[before:]] == [id_of("a-1"), id_of("a-2")]
    found = await status(installation, receiver)
    assert [letter["id"] for letter in found["given_up"]] == [id_of("soon-1")]
    ran = await command(installation, receiver, "resend", id_of("a-1"))
    assert isinstance(ran.exception, StreamprocError)
    ran = await command(installation, receiver, "resend", id_of("soon-1"), "--expired")
    assert ran.stdout.splitlines()[-1] == "1 delivered"
    assert (await status(installation, receiver))["given_up"] == []


async def test_kills_and_rebalances_lose_nothing(installation: Installation, receiver: Receiver) -> None:
    """One process is killed, the other stopped for longer than its session, while the receiver fails at random."""
    chance = random.Random(1)

    async def behave(arrival: Arrival) -> web.StreamResponse | None:
        await asyncio.sleep(0.02)
        roll = chance.random()
        if roll < 0.3:
            return None if roll < 0.1 else web.Response(status=503)
        return web.Response()

    receiver.behaviour = behave
    settings = settings_for(receiver, webhook_parallel=3)
    processes = [installation.begin("webhooks", **settings) for _ in range(2)]
    await publish_some(installation, receiver, 0)
    processes[0].kill()
    processes[0] = installation.begin("webhooks", **settings)
    await publish_some(installation, receiver, 100)
    processes[1].process.send_signal(signal_names.SIGSTOP)
    await publish_some(installation, receiver, 200)
    await arrived(receiver, 300)
    processes[1].process.send_signal(signal_names.SIGCONT)
    assert set(receiver.accepted) == {id_of(f"c{number % 50}-{number}") for number in range(300)}
    for customer in range(50):
        first_seen = list(dict.fromkeys(arrival.id for arrival in receiver.of(f"c{customer}")))
        assert first_seen == [id_of(f"c{customer}-{number}") for number in range(customer, 300, 50)]
    for process in processes:
        process.wait_ready()
        process.wait_for(lambda: process.metrics()["streamproc_webhook_backlog_records"] == 0)  # noqa: B023
        assert (await asyncio.to_thread(process.terminate))[0] == 0, process.text
    assert await committed(installation) == 300
    assert "Traceback" not in "".join(process.text for process in processes)


async def publish_some(installation: Installation, receiver: Receiver, first: int) -> None:
    """A hundred signals of fifty customers; returns when some have arrived."""
    before = len(receiver.arrivals)
    await publish(installation, *(signal(f"c{number % 50}", number) for number in range(first, first + 100)))
    await until(lambda: len(receiver.arrivals) > before + 20, WITHIN_S)


async def committed(installation: Installation) -> int:
    """The sum of the group's committed offsets."""
    topic = f"{installation.prefix}actions.reactivation"
    consumer = AIOKafkaConsumer(
        bootstrap_servers=installation.kafka,
        group_id=f"{installation.group}.webhooks",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic, partition) for partition in range(installation.partitions)]
        return sum([await consumer.committed(place) or 0 for place in places])
    finally:
        await consumer.stop()


@pytest.mark.parametrize("when", ["stopped", "running"])
async def test_a_redis_that_lost_everything_loses_no_signal(
    installation: Installation, receiver: Receiver, when: str
) -> None:
    """What had not arrived is read again from Kafka."""
    sick = {id_of("a-1"), id_of("b-1")}

    async def behave(arrival: Arrival) -> web.StreamResponse:
        return web.Response(status=500 if arrival.id in sick else 200)

    receiver.behaviour = behave
    await publish(installation, *(signal(customer, 1) for customer in "abcdef"))
    async with running(installation, receiver):
        await arrived(receiver, 4)
        await asyncio.sleep(0.3)
        if when == "running":
            with redis.Redis.from_url(installation.redis) as client:
                client.flushdb()
            await publish(installation, *(signal(customer, 2) for customer in "abcdef"))
            await until(lambda: id_of("c-2") in receiver.accepted, WITHIN_S)
    if when == "stopped":
        with redis.Redis.from_url(installation.redis) as client:
            client.flushdb()
        await publish(installation, *(signal(customer, 2) for customer in "abcdef"))
    sick.clear()
    async with running(installation, receiver):
        await arrived(receiver, 12)


async def test_records_that_retention_removed_are_passed_over(
    installation: Installation, receiver: Receiver, require_apache_kafka: None
) -> None:
    """And told: what is left of the topic is delivered."""
    await publish(installation, *(signal("a", number) for number in (1, 2)))
    async with running(installation, receiver):
        await arrived(receiver, 2)
    await publish(installation, *(signal("a", number) for number in (3, 4, 5)))
    topic = f"{installation.prefix}actions.reactivation"
    partition = int(partitions_of([b"a"], installation.partitions)[0])
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=4)})
    await admin.close()
    process = installation.begin("webhooks", **settings_for(receiver))
    await arrived(receiver, 3)
    assert receiver.accepted == [id_of("a-1"), id_of("a-2"), id_of("a-5")]
    process.wait_for(lambda: process.metrics()["streamproc_webhook_offsets_lost_total"] == 2)
    process.kill()


async def test_mistakes_end_it_with_one_error(installation: Installation, receiver: Receiver) -> None:
    """A URL that is not allowed, no secret, no topic."""
    wrong: list[tuple[dict[str, object], str]] = [
        ({"webhook_allow_private": "no"}, "without TLS"),
        ({"webhook_secret": None}, "no secret"),
        ({"webhook_url": None}, "is not set"),
        ({"topic_prefix": "nobody."}, "there is no topic nobody.actions.reactivation"),
    ]
    for settings, says in wrong:
        environment = installation.environment(**settings_for(receiver, **settings))
        with pytest.raises(StreamprocError, match=says):
            await run_webhooks(load_settings(environment), EVENTS)
    ended = installation.command("webhooks", "--events", "opened", **settings_for(receiver))
    assert ended.returncode == 2
    assert "requested, suppressed, ended" in ended.stderr


async def test_check_sends_one_signed_message(installation: Installation, receiver: Receiver) -> None:
    receiver.behaviour = answers({"": web.Response(status=418, text="teapot")})
    ran = await command(installation, receiver, "check")
    assert ran.exit_code == 1
    assert "HTTP 418: teapot" in ran.stdout
    assert len(receiver.arrivals) == 1
    assert json.loads(receiver.arrivals[0].body)["event"] == "Webhook Checked"
    receiver.behaviour = accept
    ran = await command(installation, receiver, "check")
    assert ran.exit_code == 0
    assert "HTTP 204" in ran.stdout
    assert receiver.url not in ran.stdout
    assert "campaigns  all" in ran.stdout
    ran = await command(installation, receiver, "check", webhook_campaigns="rescue_high_risc")
    assert ran.exit_code == 0
    assert "warning: STREAMPROC_WEBHOOK_CAMPAIGNS names 'rescue_high_risc'" in ran.stdout
