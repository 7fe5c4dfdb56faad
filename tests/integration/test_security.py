"""Kafka with TLS and SASL, Redis with TLS and an ACL: who has the secrets is let in, and no log has them."""

import asyncio
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import CreateAclsRequest
from click.testing import CliRunner

from streamproc.cli.group import group
from streamproc.errors import StreamprocError
from streamproc.settings import load_settings
from streamproc.sinks.webhook.journal import DeadLetter, Disabled, open_journal
from streamproc.sinks.webhook.message import Message
from streamproc.state.redis_store import RedisStore
from streamproc.transport.brokers import brokers_of
from streamproc.transport.bulk import NotTaken, open_bulk_producer
from streamproc.transport.checks import forbidden_topics, look_at_brokers, look_at_group
from streamproc.transport.outlet import Outgoing
from streamproc.transport.topics import Topics, check_group, describe
from tests.integration.worker import Installation
from tests.reference.lives import DAY_MS
from tests.reference.stream import generate
from tests.servers.certificates import Authority, Certificate
from tests.servers.kafka import KafkaProcess
from tests.servers.process import free_port
from tests.servers.redis import TlsRedisProcess

pytestmark = pytest.mark.usefixtures("require_apache_kafka")

END_MS = 1_780_272_000_000
UNTIL_MS = END_MS + 5 * DAY_MS
#: Wrong secrets must not be tried again and again.
REFUSED_WITHIN_S = 15

USER, PASSWORD, PLAIN_PASSWORD, REDIS_PASSWORD = "stream", "scram-secret", "plain-secret", "redis-secret"
#: A user who is let in, and may do nothing.
GUEST = "guest"
SECRETS = (PASSWORD, PLAIN_PASSWORD, REDIS_PASSWORD)
EVENTS = Path(__file__).parents[2] / "examples" / "events.jsonl"
PERMISSIONS = Path(__file__).parents[2] / "docs" / "state.md"

_MODULES = "org.apache.kafka.common.security"
_SASL = "listener.name.{}.{}.sasl.jaas.config"


@dataclass(frozen=True)
class Secured:
    """Servers that let nobody in without TLS, user and password."""

    kafka: KafkaProcess
    redis_port: int
    authority: Authority
    client: Certificate
    #: Another CA, which signed neither server.
    stranger: Authority
    directory: Path

    def kafka_at(self, protocol: str, **settings: str) -> dict[str, str]:
        """Settings that lead to a listener; `settings` go over those that fit."""
        fitting = {
            "kafka": f"127.0.0.1:{self.kafka.listeners[protocol]}",
            "kafka_security": protocol.lower(),
        }
        if protocol.startswith("SASL"):
            fitting |= {"kafka_user": USER, "kafka_password": PASSWORD}
        if protocol.endswith("SSL"):
            fitting |= {"kafka_ca": str(self.authority.own.cert)}
        return {name: value for name, value in (fitting | settings).items() if value}

    def redis_at(
        self, *, host: str = "127.0.0.1", password: str = REDIS_PASSWORD, ca: Path | None = None
    ) -> str:
        """The URL."""
        options = {
            "ssl_ca_certs": ca or self.authority.own.cert,
            "ssl_certfile": self.client.cert,
            "ssl_keyfile": self.client.key,
        }
        return f"rediss://{USER}:{password}@{host}:{self.redis_port}/0?{urlencode(options)}"

    def file(self, name: str, secret: str) -> str:
        """A file that holds a secret, as Docker and Kubernetes mount them."""
        path = self.directory / name
        path.write_text(f"{secret}\n")
        return str(path)


@pytest.fixture(scope="module")
def secured(require_apache_kafka: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One broker with all ways in, one Redis; gone with the module."""
    if shutil.which("redis-server") is None:
        pytest.fail(
            "this test needs a redis-server on the PATH: the packaged Valkey has no TLS", pytrace=False
        )
    directory = tmp_path_factory.mktemp("secured")
    authority, stranger = Authority.create(directory / "ca"), Authority.create(directory / "stranger")
    for name in ("kafka", "redis"):
        (directory / name).mkdir()
    line = re.search(r"^ {4}(~sp:\* .+)$", PERMISSIONS.read_text(encoding="utf-8"), re.MULTILINE)
    assert line is not None
    acl = (f"user {USER} on >{REDIS_PASSWORD} {line[1]}",)
    ports = {protocol: free_port() for protocol in ("SASL_SSL", "SSL", "SASL_PLAINTEXT")}
    broker = KafkaProcess(
        directory=directory / "kafka",
        listeners=ports,
        scram={USER: PASSWORD, GUEST: PASSWORD},
        settings=_broker_settings(authority),
    )
    server = TlsRedisProcess(directory=directory / "redis", authority=authority, acl=acl)
    with broker as kafka, server as redis:
        yield Secured(kafka, redis.port, authority, authority.issue("client"), stranger, directory)


def _broker_settings(authority: Authority) -> dict[str, str]:
    plain = f'{_MODULES}.plain.PlainLoginModule required user_{USER}="{PLAIN_PASSWORD}";'
    scram = f"{_MODULES}.scram.ScramLoginModule required;"
    logins = {}
    for listener in ("sasl_ssl", "sasl_plaintext"):
        logins[f"listener.name.{listener}.sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
        logins[_SASL.format(listener, "plain")] = plain
        logins[_SASL.format(listener, "scram-sha-256")] = scram
        logins[_SASL.format(listener, "scram-sha-512")] = scram
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.issue("kafka").in_one_file()),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.own.cert),
        "listener.name.ssl.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{USER};User:CN=client",
        **logins,
    }


def installation_on(secured: Secured, prefix: str, directory: Path, kafka: Mapping[str, str]) -> Installation:
    """Topics, workers and commands on the secured servers, that reach Kafka by these settings."""
    extra = {f"STREAMPROC_{name.upper()}": value for name, value in kafka.items()}
    return Installation(kafka["kafka"], secured.redis_at(), prefix, directory, extra=extra)


async def test_a_worker_on_secured_servers(secured: Secured, topic_prefix: str, tmp_path: Path) -> None:
    """SASL_SSL with SCRAM, Redis with TLS and exactly the documented permissions, secrets from files.

    All that comes of it is the reference's, and no log has a secret, however much is logged.
    """
    kafka = secured.kafka_at(
        "SASL_SSL", kafka_password="", kafka_password_file=secured.file("kafka.txt", PASSWORD)
    )
    installation = installation_on(secured, topic_prefix, tmp_path, kafka)
    logs = generate(7, customers=15, events=75, days=90, partitions=3, end_ms=END_MS)
    await installation.create_topics()
    await installation.publish(logs)
    url_file = secured.file("redis.txt", secured.redis_at())
    worker = installation.run_until(UNTIL_MS, redis=None, redis_file=url_file, log_level="debug")
    await installation.assert_same(installation.reference(logs, UNTIL_MS))
    assert worker.text
    assert not any(secret in worker.text for secret in SECRETS)


@pytest.mark.parametrize(
    ("protocol", "settings"),
    [
        ("SASL_SSL", {"kafka_sasl_mechanism": "PLAIN", "kafka_password": PLAIN_PASSWORD}),
        ("SASL_PLAINTEXT", {"kafka_sasl_mechanism": "SCRAM-SHA-256"}),
        ("SSL", {"kafka_cert": "{client}.pem", "kafka_key": "{client}.key"}),
    ],
)
def test_other_ways_in(
    secured: Secured, topic_prefix: str, tmp_path: Path, protocol: str, settings: dict[str, str]
) -> None:
    """Topics are created and events published with PLAIN, with SCRAM without TLS, and with a certificate."""
    client = secured.client.cert.with_suffix("")
    given = {name: value.format(client=client) for name, value in settings.items()}
    installation = installation_on(secured, topic_prefix, tmp_path, secured.kafka_at(protocol, **given))
    for arguments, says in (
        (("topics", "create", "--partitions", "1"), "created"),
        (("publish", "--topic", "web", str(EVENTS)), "3 published"),
    ):
        # In this process: a new one takes seconds on a busy machine.
        ran = CliRunner().invoke(group, arguments, env=installation.environment())
        assert ran.exit_code == 0, ran.exception
        assert says in ran.output


@pytest.mark.parametrize(
    ("protocol", "settings", "says"),
    [
        ("SASL_SSL", {"kafka_password": "wrong"}, r"does not accept user 'stream'.*KAFKA_PASSWORD"),
        (
            "SASL_SSL",
            {"kafka_password": "wrong", "kafka_sasl_mechanism": "PLAIN"},
            r"does not accept user 'stream'.*KAFKA_PASSWORD",
        ),
        ("SASL_SSL", {"kafka_ca": "{stranger}"}, r"certificate of Kafka.*not trusted.*STREAMPROC_KAFKA_CA"),
        ("SASL_SSL", {"kafka": "localhost:{port}"}, r"certificate of Kafka.*not trusted.*localhost"),
        ("SASL_SSL", {"kafka_security": "sasl_plaintext", "kafka_ca": ""}, r"hangs up.*KAFKA_SECURITY"),
        ("SASL_PLAINTEXT", {"kafka_security": "sasl_ssl"}, r"hangs up.*KAFKA_SECURITY"),
        (
            "SASL_PLAINTEXT",
            {"kafka_security": "plaintext", "kafka_user": "", "kafka_password": ""},
            r"hangs up.*KAFKA_SECURITY",
        ),
        ("SSL", {}, r"hangs up.*KAFKA_CERT"),
    ],
)
async def test_kafka_says_why_not(
    secured: Secured, protocol: str, settings: dict[str, str], says: str
) -> None:
    """One error with what to do, soon, and without the password."""
    port, stranger = secured.kafka.listeners[protocol], secured.stranger.own.cert
    given = {name: value.format(port=port, stranger=stranger) for name, value in settings.items()}
    environment = {
        f"STREAMPROC_{name.upper()}": value for name, value in secured.kafka_at(protocol, **given).items()
    }
    begin_s = time.monotonic()
    with pytest.raises(StreamprocError, match=f"(?s){says}") as refusal:
        await describe(brokers_of(load_settings(environment)))
    assert time.monotonic() - begin_s < REFUSED_WITHIN_S
    assert not any(secret in str(refusal.value) for secret in (*SECRETS, "wrong"))


async def test_permissions_that_are_missing_are_told(
    secured: Secured, topic_prefix: str, tmp_path: Path
) -> None:
    """Brokers hide topics from those who may not see them, and let a consumer wait without a word."""
    kafka = secured.kafka_at("SASL_PLAINTEXT", kafka_user=GUEST)
    installation = installation_on(secured, topic_prefix, tmp_path, kafka)
    with pytest.raises(StreamprocError, match="consumer group"):
        await check_group(installation.brokers, installation.group)
    worker = installation.worker()
    assert worker.wait() == 2
    assert "brokers hide topics" in worker.text


async def test_doctor_tells_a_topic_that_is_hidden_from_one_that_is_missing(
    secured: Secured, topic_prefix: str, tmp_path: Path
) -> None:
    """What may not be seen, then what may not be written, without writing anything; the group, too."""
    own = installation_on(secured, topic_prefix, tmp_path, secured.kafka_at("SASL_PLAINTEXT"))
    await own.create_topics()
    topics = Topics(topic_prefix)
    guest = brokers_of(load_settings(environment_of(secured.kafka_at("SASL_PLAINTEXT", kafka_user=GUEST))))
    versions = (await look_at_brokers(guest)).versions
    asked = (guest, [*topics.all, f"{topic_prefix}nowhere"], topics.signals, versions)
    hidden, _ = await forbidden_topics(*asked)
    assert sorted(hidden) == sorted([*topics.all, f"{topic_prefix}nowhere"])  # brokers say no more
    assert (await look_at_group(guest, own.group, [])).denied
    read, allow, topic, prefixed = 3, 3, 2, 4
    client = AIOKafkaClient(**own.brokers.client_options())
    try:
        await client.bootstrap()
        grant = CreateAclsRequest(topic, topic_prefix, prefixed, f"User:{GUEST}", "*", read, allow)
        await client.send(client.get_random_node(), grant)
    finally:
        await client.close()
    hidden, unwritable = await forbidden_topics(*asked)
    for _ in range(50):  # a broker learns of new permissions by and by
        if not hidden:
            break
        await asyncio.sleep(0.1)
        hidden, unwritable = await forbidden_topics(*asked)
    assert hidden == []
    assert sorted(unwritable) == sorted(topics.signals)
    with pytest.raises(NotTaken, match=f"may not write to topic {topics.events[0]}; 0 of the first 1 rec"):
        async with open_bulk_producer(guest, {topics.events[0]: 1}) as producer:
            await producer.send([Outgoing(topics.events[0], b"u-1", b"{}")])
    super_user = (own.brokers, *asked[1:])
    assert await forbidden_topics(*super_user) == ([], [])
    assert set((await own.ends()).values()) == {0}


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"STREAMPROC_{name.upper()}": value for name, value in settings.items()}


async def test_redis_says_why_not(secured: Secured) -> None:
    """A wrong password, a CA that did not sign, a name that is not in the certificate, TLS that is not asked for."""
    refused = {
        secured.redis_at(password="wrong"): "denies access.*ACL",
        secured.redis_at(ca=secured.stranger.own.cert): "certificate of Redis.*not trusted.*ssl_ca_certs",
        secured.redis_at(host="localhost"): "certificate of Redis.*not trusted.*localhost",
        f"redis://{USER}:{REDIS_PASSWORD}@127.0.0.1:{secured.redis_port}/0": "rediss:// for TLS",
    }
    for url, says in refused.items():
        store = RedisStore(url, prefix="", group="nobody")
        begin_s = time.monotonic()
        with pytest.raises(StreamprocError, match=f"(?s){says}") as refusal:
            await store.check_server()
        await store.aclose()
        assert time.monotonic() - begin_s < REFUSED_WITHIN_S, says
        assert not any(secret in str(refusal.value) for secret in (*SECRETS, "wrong"))


async def test_webhooks_need_no_more_permissions_than_documented(secured: Secured) -> None:
    """All that their journal asks of Redis."""
    message = Message(offset=0, customer=b"c", id="m", body=b"{}", read_ms=0, ends_ms=1)
    async with open_journal(secured.redis_at(), prefix="", group="hooks", url="") as journal:
        await journal.check_server()
        claim = await journal.claim(0)
        await journal.read_on(claim, None, 1, [message])
        await journal.postpone(claim, message)
        await journal.give_up(claim, [DeadLetter(0, message, 1, "expired")])
        await journal.disable(Disabled(1, "HTTP 410"))
        assert await journal.disabled() == Disabled(1, "HTTP 410")
        assert await journal.enable()
        assert await journal.partitions() == {0: 1}
        assert len(await journal.dead()) == 1


def test_a_worker_ends_at_once(secured: Secured, topic_prefix: str, tmp_path: Path) -> None:
    """Exit code 2, one error with its fix, no traceback, and no secret."""
    stranger = secured.stranger.own.cert
    good, wrong = secured.redis_at(), "secret-wrong"
    refused = [
        ({"kafka_password": wrong}, good),
        ({"kafka_ca": str(stranger)}, good),
        ({}, secured.redis_at(password=wrong)),
        ({}, secured.redis_at(ca=stranger)),
    ]
    workers = []
    for number, (settings, redis) in enumerate(refused):
        directory = tmp_path / str(number)
        directory.mkdir()
        kafka = secured.kafka_at("SASL_SSL", **settings)
        workers.append(installation_on(secured, topic_prefix, directory, kafka).worker(redis=redis))
    for worker in workers:
        assert worker.wait() == 2, worker.text
        assert worker.text.count("error:") == 1, worker.text
        assert "fix:" in worker.text
        assert "Traceback" not in worker.text
        assert not any(secret in worker.text for secret in (*SECRETS, wrong))
