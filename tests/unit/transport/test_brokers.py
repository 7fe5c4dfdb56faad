"""The way into Kafka: what the settings ask for is what every client gets, or an error says what is wrong."""

from pathlib import Path

import pytest

from streamproc.errors import StreamprocError
from streamproc.settings import load_settings
from streamproc.transport.brokers import Brokers, Sasl, brokers_of
from streamproc.transport.settings import faust_options
from tests.servers.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA."""
    return Authority.create(tmp_path_factory.mktemp("brokers") / "ca")


def read(**settings: object) -> Brokers:
    """The brokers of these settings."""
    return brokers_of(load_settings({f"STREAMPROC_{name.upper()}": str(settings[name]) for name in settings}))


def test_without_settings_there_is_no_security() -> None:
    """Plaintext, as before."""
    assert read() == Brokers("localhost:9092")
    assert read().protocol == "PLAINTEXT"
    assert faust_options(read())["broker_credentials"] is None


def test_no_broker_is_a_mistake() -> None:
    """Not a host without a name."""
    with pytest.raises(StreamprocError, match="STREAMPROC_KAFKA is empty"):
        read(kafka=" ")


@pytest.mark.parametrize("security", ["ssl", "sasl_plaintext", "sasl_ssl"])
def test_clients_and_faust_get_the_same(security: str, authority: Authority) -> None:
    """The protocol, the user and the TLS context; hosts are checked."""
    settings: dict[str, object] = {"kafka_security": security}
    if security.startswith("sasl"):
        settings |= {"kafka_user": "ada", "kafka_password": "hush", "kafka_sasl_mechanism": "SCRAM-SHA-256"}
    if security.endswith("ssl"):
        client = authority.issue("client")
        settings |= {"kafka_ca": authority.own.cert, "kafka_cert": client.cert, "kafka_key": client.key}
    brokers = read(**settings)
    options, credentials = brokers.client_options(), faust_options(brokers)["broker_credentials"]
    assert options["security_protocol"] == security.upper() == credentials.protocol.value
    if brokers.tls is not None:
        assert brokers.tls.check_hostname
        assert options["ssl_context"] is brokers.tls
        assert brokers.tls is (credentials.ssl_context if brokers.sasl else credentials.context)
    if brokers.sasl is not None:
        assert brokers.sasl == Sasl("SCRAM-SHA-256", "ada", "hush")
        assert (options["sasl_mechanism"], options["sasl_plain_username"]) == ("SCRAM-SHA-256", "ada")
        assert (credentials.mechanism.value, credentials.username) == ("SCRAM-SHA-256", "ada")
        assert options["sasl_plain_password"] == credentials.password == "hush"
    assert "hush" not in repr(brokers)


def test_a_certificate_and_its_key_may_be_one_file(authority: Authority) -> None:
    """As many tools write them."""
    both = authority.issue("both").in_one_file()
    assert read(kafka_security="ssl", kafka_ca=authority.own.cert, kafka_cert=both).tls is not None


SASL = {"kafka_security": "sasl_plaintext"}
SSL = {"kafka_security": "ssl"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kafka": "kafka://u:hush@one:9092"}, "KAFKA is a URL, kafka://.*without kafka://, as host:port"),
        ({"kafka": "one:9092, SASL_SSL://two:9092"}, "is a URL.*without SASL_SSL://"),
        (SASL, "sasl_plaintext needs STREAMPROC_KAFKA_USER.*KAFKA_USER_FILE"),
        (SASL | {"kafka_user": "ada"}, "needs STREAMPROC_KAFKA_PASSWORD.*KAFKA_PASSWORD_FILE"),
        ({"kafka_user": "ada"}, "KAFKA_USER has no effect.*=plaintext.*KAFKA_SECURITY=sasl_ssl"),
        (SSL | {"kafka_password": "hush"}, "KAFKA_PASSWORD has no effect.*=ssl.*KAFKA_SECURITY=sasl_ssl"),
        ({"kafka_ca": "/ca.pem"}, "KAFKA_CA has no effect.*=plaintext.*KAFKA_SECURITY=ssl"),
        (SSL | {"kafka_ca": "/no/such.pem"}, "STREAMPROC_KAFKA_CA=/no/such.pem cannot be read"),
        (SSL | {"kafka_ca": "{key}"}, "STREAMPROC_KAFKA_CA=.*holds no certificate"),
        (SSL | {"kafka_ca": "-----BEGIN CERTIFICATE-----hush"}, "KAFKA_CA holds a certificate.*path"),
        (SSL | {"kafka_key": "{key}"}, "KAFKA_KEY is set, but STREAMPROC_KAFKA_CERT is not"),
        (SSL | {"kafka_cert": "{cert}"}, "KAFKA_CERT=.*cannot be used with its key.*STREAMPROC_KAFKA_KEY"),
        (SSL | {"kafka_cert": "{cert}", "kafka_key": "{other}"}, "cannot be used with its key"),
        (SSL | {"kafka_cert": "{cert}", "kafka_key": "-----BEGIN KEY-----hush"}, "KAFKA_KEY holds.*path"),
        (SSL | {"kafka_cert": "{cert}", "kafka_key": "{locked}"}, "cannot be used.*KAFKA_KEY_PASSWORD"),
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, str], says: str, authority: Authority) -> None:
    """Before anything connects, with the variable and the way out, and without the secret."""
    client, other = authority.issue("refused"), authority.issue("other")
    paths = {"cert": client.cert, "key": client.key, "other": other.key, "locked": client.locked("hush")}
    with pytest.raises(StreamprocError, match=f"(?s){says}") as refusal:
        read(**{name: value.format(**paths) for name, value in settings.items()})
    assert "hush" not in str(refusal.value)


def test_a_key_may_have_a_password(authority: Authority, tmp_path: Path) -> None:
    """It can stand in a file like every secret."""
    client, secret = authority.issue("locked"), tmp_path / "secret"
    secret.write_text("hush\n")
    given = {"kafka_cert": client.cert, "kafka_key": client.locked("hush"), "kafka_key_password_file": secret}
    assert read(kafka_security="ssl", **given).tls is not None
