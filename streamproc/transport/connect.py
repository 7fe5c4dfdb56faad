"""The start of Kafka clients, and in words why the brokers do not let one in.

aiokafka's clients log what a broker answered, and raise no more than that none could be used.
"""

import asyncio
import logging
import socket
import ssl
from typing import Any, Final, Protocol

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from streamproc.errors import StreamprocError
from streamproc.transport.brokers import Brokers

logger = logging.getLogger(__name__)

#: How long a broker may take to say why it does not let us in.
_ANSWER_TIMEOUT_MS: Final = 5_000
_START_OR_SET: Final = "start the broker, or set STREAMPROC_KAFKA to host:port of a running one"
_BLOCKED: Final = (
    "is STREAMPROC_KAFKA the address of a Kafka broker, as it is reached from here? A firewall drops without a word, "
    "and a server that is no Kafka broker may just wait"
)


class Client(Protocol):
    """A consumer, a producer or an admin client of aiokafka."""

    async def start(self) -> None:
        """Connect, or raise KafkaError."""


async def start(client: Client, brokers: Brokers) -> None:
    """Start a client that was made with `brokers.client_options()`; to stop it is the caller's part.

    Raises StreamprocError if no broker can be reached or none lets us in.
    """
    try:
        await client.start()
    except KafkaError as error:
        raise _in_words(brokers, brokers.bootstrap, await _refusal(brokers) or error) from error


def tell_failures(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's handler: what we no longer wait for goes on in aiokafka, and fails when brokers are away.

    That is no news.
    """
    if isinstance(context.get("exception"), KafkaError):
        logger.debug("%s: %r", context["message"], context["exception"])
    else:
        loop.default_exception_handler(context)


async def knock(brokers: Brokers, host: str, port: int) -> StreamprocError | None:
    """Why the broker at this address does not let us in, in words; None: it does."""
    refusal = await _refusal_at(brokers, host, port)
    return None if refusal is None else _in_words(brokers, f"{host}:{port}", refusal)


async def _refusal(brokers: Brokers) -> Exception | None:
    """What the last of the brokers has against us; None if one lets us in now."""
    refusal: Exception | None = None
    for host, port, _ in collect_hosts(brokers.bootstrap):
        refusal = await _refusal_at(brokers, host, port)
        if refusal is None:
            return None
    return refusal


async def _refusal_at(brokers: Brokers, host: str, port: int) -> Exception | None:
    try:
        # A broker that expects more of us hangs up at the first question.
        await ask_at(brokers, host, port, MetadataRequest([]))
    except (OSError, KafkaError, TimeoutError) as error:
        return error
    return None


async def ask_at(brokers: Brokers, host: str, port: int, *requests: Any) -> list[Any]:
    """The answers of the broker at this very address. Raises OSError, KafkaError, TimeoutError."""
    connection = await create_conn(host, port, request_timeout_ms=_ANSWER_TIMEOUT_MS, **brokers.credentials())
    try:
        return [await connection.send(request) for request in requests]
    finally:
        connection.close()


def _in_words(brokers: Brokers, address: str, refusal: Exception) -> StreamprocError:
    where, security = f"Kafka at {address}", brokers.protocol.lower()
    other_way_in = f"is STREAMPROC_KAFKA_SECURITY={security} what the brokers speak on this port?"
    if brokers.tls is not None:
        other_way_in += " If they ask for a certificate, set STREAMPROC_KAFKA_CERT"
    match refusal:
        case SaslAuthenticationFailed():
            user = brokers.sasl.user if brokers.sasl else ""
            return StreamprocError(
                f"{where} does not accept user {user!r} with this password",
                fix="check STREAMPROC_KAFKA_USER, STREAMPROC_KAFKA_PASSWORD and STREAMPROC_KAFKA_SASL_MECHANISM",
            )
        case UnsupportedSaslMechanismError():
            mechanism = brokers.sasl.mechanism if brokers.sasl else ""
            return StreamprocError(
                f"{where} does not offer {mechanism}",
                fix="set STREAMPROC_KAFKA_SASL_MECHANISM to PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
            )
        case IllegalSaslStateError():
            return StreamprocError(f"{where} knows no users on this port", fix=other_way_in)
        case ssl.SSLCertVerificationError():
            return StreamprocError(
                f"the certificate of {where} is not trusted: {refusal.verify_message}",
                fix="STREAMPROC_KAFKA_CA must be the certificate of the CA that signed it, and STREAMPROC_KAFKA "
                "the name that stands in it",
            )
        case socket.gaierror():
            why, fix = (
                "there is no host of that name",
                "correct the name in STREAMPROC_KAFKA, or the DNS here",
            )
        case ConnectionRefusedError():
            why, fix = f"nothing listens there ({refusal})", _START_OR_SET
        case TimeoutError():
            why, fix = f"no answer within {_ANSWER_TIMEOUT_MS / 1000:g} s", _BLOCKED
        case ssl.SSLError() | ConnectionError() | KafkaConnectionError():
            return StreamprocError(f"{where} hangs up: {refusal}", fix=other_way_in)
        case _:
            why, fix = str(refusal), _START_OR_SET
    return StreamprocError(f"no Kafka broker answers at {address}: {why}", fix=fix)
