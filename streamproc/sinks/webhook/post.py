"""One attempt: a POST that cannot be led astray, held up or flooded by the receiver."""

import ssl
from asyncio import timeout
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorSSLError,
    ClientError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    ThreadedResolver,
)
from yarl import URL

from streamproc import __version__
from streamproc.contracts.printable import printable
from streamproc.sinks.webhook.addresses import AddressRefused, PublicResolver, check_url
from streamproc.sinks.webhook.schedule import Answer, answer_of

#: No more of an answer is read.
_BODY_BYTES_MAX: Final = 1_024
_SHOWN: Final = 200
#: An answer that was cut off here is enough to know what became of the message.
_BODY_TIMEOUT_S: Final = 2.0
#: Less than the usual servers keep an idle connection: a POST into one that they just close would fail.
_KEEP_ALIVE_S: Final = 4.0
_HEADERS: Final = {
    "Content-Type": "application/json",
    "User-Agent": f"streamproc/{__version__}",
    "Accept-Encoding": "identity",
}


class Post:
    """POSTs to one URL. `now_ms` tells the time at which an answer came."""

    def __init__(self, session: ClientSession, url: URL, now_ms: Callable[[], int]) -> None:
        self._session, self._url, self._now_ms = session, url, now_ms

    async def send(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What came of it. Raises nothing but what cancels it."""
        try:
            async with self._session.post(
                self._url, data=body, headers={**_HEADERS, **headers}, allow_redirects=False
            ) as response:
                detail = f"HTTP {response.status}"
                if response.status // 100 != 2:
                    detail += await _said(response)
                return answer_of(response.status, response.headers.get("Retry-After"), detail, self._now_ms())
        except TimeoutError:
            return Answer("timeout", "no answer in time")
        except (ClientConnectorCertificateError, ClientConnectorSSLError, ssl.SSLError) as error:
            return Answer("certificate", printable(str(error))[:_SHOWN])
        except AddressRefused as error:
            return Answer("address", str(error))
        except (ClientError, OSError, ValueError) as error:
            # aiohttp wraps what a resolver raises.
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, AddressRefused):
                    return Answer("address", str(cause))
                cause = cause.__cause__
            # A URL may hold a token, and this error tells it.
            text = error.message if isinstance(error, ClientResponseError) else str(error)
            return Answer("connection", printable(f"{type(error).__name__}: {text}")[:_SHOWN])


async def _said(response: ClientResponse) -> str:
    """The beginning of an answer's text, behind a colon; empty if it has none or keeps us waiting."""
    try:
        async with timeout(_BODY_TIMEOUT_S):
            raw = await response.content.read(_BODY_BYTES_MAX)
    except (ClientError, OSError):
        return ""
    text = printable(raw.decode(errors="replace").strip())[:_SHOWN]
    return f": {text}" if text else ""


@asynccontextmanager
async def open_post(
    url: str, *, allow_private: bool, timeout_ms: int, parallel: int, now_ms: Callable[[], int]
) -> AsyncIterator[Post]:
    """POSTs to `url`, each with `timeout_ms` from the first look for an address to the answer.

    Raises StreamprocError for a URL that is not allowed.
    """
    checked = check_url(url, allow_private=allow_private)
    resolver = ThreadedResolver()
    connector = TCPConnector(
        resolver=resolver if allow_private else PublicResolver(resolver),
        use_dns_cache=False,
        keepalive_timeout=_KEEP_ALIVE_S,
        limit=parallel,
    )
    async with ClientSession(
        connector=connector,
        timeout=ClientTimeout(total=timeout_ms / 1000),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        raise_for_status=False,
        trust_env=False,
    ) as session:
        yield Post(session, checked, now_ms)
