"""Where a webhook may go: https, to a public address. A URL of others must not reach what only we can reach.

The addresses that were looked at are those that are connected to: they are checked where names are resolved, at each
connection anew, so that a name which leads elsewhere in the next minute does not help.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from streamproc.errors import StreamprocError

_NAT64: Final = IPv6Network("64:ff9b::/96")
_IPV4_BITS: Final = 0xFFFF_FFFF


class AddressRefused(OSError):
    """All addresses of a host are private, or not for anybody."""


def is_public(text: str) -> bool:
    """Whether an address is one of the internet: not private, loopback, link-local, multicast, reserved or no address.

    An IPv6 address that carries an IPv4 address (mapped, NAT64, 6to4) is as public as that one.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        carried = _carried(address)
        if carried is None:
            return address.is_global and not (
                address.is_multicast or address.is_reserved or address.is_site_local
            )
        address = carried
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & _IPV4_BITS)
    return address.ipv4_mapped or address.sixtofour


def check_url(text: str, *, allow_private: bool) -> URL:
    """The URL that webhooks go to. Raises StreamprocError, which shows nothing of it but the host."""
    variable = "STREAMPROC_WEBHOOK_URL"
    if not text:
        raise StreamprocError(f"{variable} is not set", fix=f"set {variable}=https://host/path")
    try:
        url = URL(text)
        port = url.port
    except ValueError:
        raise StreamprocError(f"{variable} is no URL", fix=f"set {variable}=https://host/path") from None
    if url.scheme not in ("http", "https") or not url.host or not port:
        raise StreamprocError(f"{variable} is no URL of http", fix=f"set {variable}=https://host/path")
    if url.user is not None or url.password is not None:
        raise StreamprocError(
            f"{variable} has a user or a password in it",
            fix="leave it out: the receiver knows us by the signature (webhook-signature)",
        )
    if allow_private:
        return url.with_fragment(None)
    if url.scheme != "https":
        raise StreamprocError(
            f"{variable} is without TLS: everybody on the way can read it",
            fix="use https; in a network of your own, STREAMPROC_WEBHOOK_ALLOW_PRIVATE=yes allows http",
        )
    if _is_literal(url.host) and not is_public(url.host):
        raise StreamprocError(
            f"{variable} leads to {url.host}, which is not a public address",
            fix="STREAMPROC_WEBHOOK_ALLOW_PRIVATE=yes allows receivers in a network of your own",
        )
    return url.with_fragment(None)


def _is_literal(host: str) -> bool:
    """Whether a connection would be made without asking a resolver."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class PublicResolver(AbstractResolver):
    """Resolves names as `resolver` does, and leaves out what is not public."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of a host. Raises AddressRefused if it has others only, OSError if it has none."""
        found = await self._resolver.resolve(host, port, family)
        public = [address for address in found if is_public(address["host"])]
        if not public:
            addresses = ", ".join(address["host"] for address in found)
            raise AddressRefused(f"{host} leads to {addresses}, which is not public")
        return public

    async def close(self) -> None:
        """Close the resolver behind it."""
        await self._resolver.close()
