"""Signatures after Standard Webhooks: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from streamproc.errors import StreamprocError

_PREFIX: Final = "whsec_"
#: The specification's bounds of a secret's length.
_SECRET_BYTES_MIN: Final = 24
_SECRET_BYTES_MAX: Final = 64


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """The keys of secrets written `whsec_BASE64`, separated by white space or commas.

    Raises StreamprocError if there is none, or one cannot be used. The message never holds a secret.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise StreamprocError(
            "there is no secret to sign webhooks with",
            fix='set STREAMPROC_WEBHOOK_SECRET to "whsec_" and the base64 of 24 to 64 random bytes, such as: '
            'echo "whsec_$(openssl rand -base64 32)"',
        )
    return tuple(_parse(word, number) for number, word in enumerate(words, 1))


def _parse(word: str, number: int) -> bytes:
    which = f"secret {number} of STREAMPROC_WEBHOOK_SECRET"
    if not word.startswith(_PREFIX):
        raise StreamprocError(f"{which} does not begin with {_PREFIX}", fix=f"write it {_PREFIX}BASE64")
    encoded = word.removeprefix(_PREFIX)
    try:
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        # Without the cause: it may quote what it could not decode.
        raise StreamprocError(f"{which} is not base64", fix=f"write {_PREFIX} and base64 behind it") from None
    if not _SECRET_BYTES_MIN <= len(secret) <= _SECRET_BYTES_MAX:
        raise StreamprocError(
            f"{which} is {len(secret)} byte{'' if len(secret) == 1 else 's'} long",
            fix=f"use {_SECRET_BYTES_MIN} to {_SECRET_BYTES_MAX} random bytes: openssl rand -base64 32",
        )
    return secret


def headers(secrets: Sequence[bytes], id_: str, body: bytes, now_ms: int) -> dict[str, str]:
    """What is sent with an attempt at `now_ms`: one signature per secret, so that receivers may change theirs."""
    timestamp = str(now_ms // 1000)
    signed = f"{id_}.{timestamp}.".encode() + body
    signatures = (
        base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets
    )
    return {
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
