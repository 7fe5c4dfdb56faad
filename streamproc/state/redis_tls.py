"""TLS to Redis: certificates that cannot be used, ours or the server's, in words a user can act on."""

import ssl

from redis.asyncio.connection import AbstractConnection, SSLConnection

from streamproc.state.store import RedisConfigError


def check_certificates(connection: AbstractConnection) -> None:
    """Read the files of certificates that the URL names, if it names any; redis-py would at the first command.

    Raises RedisConfigError if they cannot be used.
    """
    if not isinstance(connection, SSLConnection):
        return
    try:
        connection.ssl_context.get()
    except (OSError, ValueError) as error:  # an SSLError is an OSError, too
        raise RedisConfigError(
            f"the certificates that the Redis URL names cannot be used: {error}",
            fix="ssl_ca_certs, ssl_certfile and ssl_keyfile in STREAMPROC_REDIS are paths of PEM files",
        ) from error


def distrust(error: Exception) -> str | None:
    """What we have against the server's certificate, if that is the cause; redis-py calls it a ConnectionError."""
    cause = error.__cause__ or error.__context__
    return cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else None
