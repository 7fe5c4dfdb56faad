"""A webhook reaches nothing that only we can reach."""

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from streamproc.errors import StreamprocError
from streamproc.sinks.webhook.addresses import AddressRefused, PublicResolver, check_url, is_public

PUBLIC = ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
REFUSED = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",  # what clouds tell their machines about themselves
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:a00:1::",
    "2001:0:a00::1",
    "example.com",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_refused(address: str) -> None:
    assert not is_public(address)


class Names(AbstractResolver):
    """Answers as a name server would."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


async def test_of_several_addresses_the_public_ones_are_connected_to() -> None:
    resolver = PublicResolver(Names("10.0.0.1", "8.8.8.8", "::1", "2001:4860:4860::8888"))
    assert [found["host"] for found in await resolver.resolve("h", 443)] == [
        "8.8.8.8",
        "2001:4860:4860::8888",
    ]


async def test_a_name_that_leads_to_private_addresses_is_refused() -> None:
    resolver = PublicResolver(Names("10.0.0.1", "::ffff:10.0.0.1"))
    with pytest.raises(AddressRefused, match=r"h leads to 10\.0\.0\.1"):
        await resolver.resolve("h", 443)


async def test_a_name_that_changes_is_looked_at_each_time() -> None:
    """Rebinding: public when it is looked at, private when it is connected to."""
    names = Names("8.8.8.8")
    resolver = PublicResolver(names)
    await resolver.resolve("h", 443)
    names.addresses = ("127.0.0.1",)
    with pytest.raises(AddressRefused):
        await resolver.resolve("h", 443)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "is not set"),
        ("example.com/hook", "no URL of http"),
        ("ftp://example.com/", "no URL of http"),
        ("https://", "no URL"),
        ("https://example.com:99999/", "no URL"),
        ("http://example.com/", "without TLS"),
        ("https://user:hush@example.com/", "a user or a password"),
        ("https://hush@example.com/", "a user or a password"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://[::ffff:10.0.0.1]/", "not a public address"),
        ("https://[fe80::1]/", "not a public address"),
    ],
)
def test_urls_that_are_refused(url: str, says: str) -> None:
    """And what may be secret in them is not shown."""
    with pytest.raises(StreamprocError, match=says) as refusal:
        check_url(url, allow_private=False)
    assert "hush" not in str(refusal.value)


def test_private_networks_may_be_allowed() -> None:
    assert str(check_url("http://10.0.0.1:8080/x?y#z", allow_private=True)) == "http://10.0.0.1:8080/x?y"
    with pytest.raises(StreamprocError, match="a user or a password"):
        check_url("http://u@10.0.0.1/", allow_private=True)
