"""Who may ask the HTTP server for what.

Health and metrics are for everybody who reaches the port: they name no customer. For all the rest a token is
asked for; without one it is for this machine alone.
"""

import hmac
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

OPEN_PATHS: Final = frozenset({"/livez", "/readyz", "/metrics"})

_SCHEME: Final = "bearer"
_UNAUTHORIZED: Final = (
    'send the header "Authorization: Bearer TOKEN" with the value of STREAMPROC_HTTP_TOKEN\n'
)
_FORBIDDEN: Final = "this is for this machine alone, as long as STREAMPROC_HTTP_TOKEN is not set\n"


def create_guard(host: str, token: str) -> Middleware:
    """The middleware that lets requests in, for a server that listens on `host`; `token` may be empty."""
    is_local = _is_loopback(host)

    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path in OPEN_PATHS:
            return await handler(request)
        if token:
            if not _carries(request, token):
                raise web.HTTPUnauthorized(text=_UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
        elif not is_local:
            raise web.HTTPForbidden(text=_FORBIDDEN)
        return await handler(request)

    return guard


def _carries(request: web.Request, token: str) -> bool:
    """Whether the request has the token; the time this takes does not tell how much of it was right."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # aiohttp decodes headers so; a header that is not UTF-8 must not be an error here.
    given_bytes = given.strip().encode("utf-8", "surrogateescape")
    return scheme.lower() == _SCHEME and hmac.compare_digest(given_bytes, token.encode())


def _is_loopback(host: str) -> bool:
    """Whether only this machine reaches it. A name other than localhost may mean any address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
