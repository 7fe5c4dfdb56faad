"""Kafka's brokers and what it takes to be let in: TLS, a user and a password.

Every Kafka client of the program is made from `Brokers`, so none connects without them.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamproc.errors import StreamprocError
from streamproc.settings import Settings


@dataclass(frozen=True, slots=True)
class Sasl:
    """A user of the brokers, and how the password is proved: PLAIN sends it, SCRAM does not."""

    mechanism: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Brokers:
    """Bootstrap servers, "host:port,host:port". `tls` None: in the clear; `sasl` None: without a user."""

    bootstrap: str
    tls: ssl.SSLContext | None = None
    sasl: Sasl | None = None

    @property
    def protocol(self) -> str:
        """Kafka's name for the way in, such as SASL_SSL."""
        return ("SASL_" if self.sasl else "") + ("SSL" if self.tls else "PLAINTEXT")

    def credentials(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka connection."""
        options: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.sasl is not None:
            options["sasl_mechanism"] = self.sasl.mechanism
            options["sasl_plain_username"] = self.sasl.user
            options["sasl_plain_password"] = self.sasl.password
        return options

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka client."""
        return {"bootstrap_servers": self.bootstrap, **self.credentials()}


def brokers_of(settings: Settings) -> Brokers:
    """The brokers that the settings name.

    Reads the certificates, but connects to nothing. Raises StreamprocError for settings that cannot work
    together, and for those that would have no effect: who gives a password wants it to be used.
    """
    if not settings.kafka.strip():
        raise StreamprocError(
            "STREAMPROC_KAFKA is empty", fix="set it to host:port of a broker, or unset it: localhost:9092"
        )
    if "://" in settings.kafka:  # what follows may be a password: it is not shown
        scheme = settings.kafka.partition("://")[0].rpartition(",")[2].strip()
        raise StreamprocError(
            f"STREAMPROC_KAFKA is a URL, {scheme}://...",
            fix=f"name the brokers without {scheme}://, as host:port,host:port; TLS and users have settings of "
            "their own (STREAMPROC_KAFKA_SECURITY)",
        )
    security = settings.kafka_security
    sasl, tls = None, None
    if security.startswith("sasl"):
        if not settings.kafka_user or not settings.kafka_password:
            missing = "USER" if not settings.kafka_user else "PASSWORD"
            raise StreamprocError(
                f"STREAMPROC_KAFKA_SECURITY={security} needs STREAMPROC_KAFKA_{missing}",
                fix=f"set STREAMPROC_KAFKA_{missing}, or STREAMPROC_KAFKA_{missing}_FILE to a file that holds it",
            )
        sasl = Sasl(settings.kafka_sasl_mechanism, settings.kafka_user, settings.kafka_password)
    else:
        _refuse_without_effect(settings, ("kafka_user", "kafka_password"), "sasl_ssl")
    if security.endswith("ssl"):
        tls = _tls_context(settings)
    else:
        unused = ("kafka_ca", "kafka_cert", "kafka_key", "kafka_key_password")
        _refuse_without_effect(settings, unused, "sasl_ssl" if sasl else "ssl")
    return Brokers(settings.kafka, tls, sasl)


def _refuse_without_effect(settings: Settings, names: tuple[str, ...], needed: str) -> None:
    for name in names:
        if getattr(settings, name):
            variable = f"STREAMPROC_{name.upper()}"
            raise StreamprocError(
                f"{variable} has no effect with STREAMPROC_KAFKA_SECURITY={settings.kafka_security}",
                fix=f"set STREAMPROC_KAFKA_SECURITY={needed}, or unset {variable}",
            )


def _tls_context(settings: Settings) -> ssl.SSLContext:
    """TLS that checks the brokers' certificates and names, always."""
    ca = _path(settings, "kafka_ca")
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise StreamprocError(
            f"STREAMPROC_KAFKA_CA={ca} holds no certificate: {error.reason or error}",
            fix="name a PEM file: -----BEGIN CERTIFICATE-----",
        ) from error
    cert, key = _path(settings, "kafka_cert"), _path(settings, "kafka_key")
    if cert is None:
        if key is not None:
            raise StreamprocError(
                "STREAMPROC_KAFKA_KEY is set, but STREAMPROC_KAFKA_CERT is not",
                fix="set STREAMPROC_KAFKA_CERT to the certificate that the key belongs to",
            )
        return context
    try:
        # A password that is not given is empty; else OpenSSL would ask for it on the terminal.
        context.load_cert_chain(cert, key, password=lambda: settings.kafka_key_password)
    except ssl.SSLError as error:
        raise StreamprocError(
            f"STREAMPROC_KAFKA_CERT={cert} cannot be used with its key: {error.reason or error}",
            fix="STREAMPROC_KAFKA_KEY must be the PEM file of the key of this certificate, and "
            "STREAMPROC_KAFKA_KEY_PASSWORD its password if it has one",
        ) from error
    return context


def _path(settings: Settings, name: str) -> Path | None:
    """The file that a setting names; None if it is not set. Raises StreamprocError if it cannot be read."""
    value, variable = getattr(settings, name), f"STREAMPROC_{name.upper()}"
    if not value:
        return None
    if "-----BEGIN" in value:  # it may be a key: it is not shown
        raise StreamprocError(
            f"{variable} holds a certificate or a key, not the path of one",
            fix=f"set {variable} to the path; {variable}_FILE is a file that holds the path",
        )
    try:
        Path(value).open("rb").close()
    except OSError as error:
        raise StreamprocError(
            f"{variable}={value} cannot be read: {error.strerror}",
            fix=f"correct the path or unset {variable}",
        ) from error
    return Path(value)
