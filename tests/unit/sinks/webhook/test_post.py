"""No receiver can lead an attempt astray, hold it up or flood it."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from streamproc.sinks.webhook.post import open_post
from streamproc.sinks.webhook.schedule import Answer
from tests.servers.certificates import Authority

TIMEOUT_MS = 500
OK = b"HTTP/1.1 204 No Content\r\n\r\n"

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(
    *replies: bytes | Reply, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on 127.0.0.1 that treats one connection after the other so; its port, and the requests it read."""
    left, requests = list(replies), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply = left.pop(0)
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        if isinstance(reply, bytes):
            writer.write(reply)
        else:
            await reply(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], requests
    finally:
        server.close()


async def send(url: str, *, allow_private: bool = True) -> Answer:
    async with open_post(
        url, allow_private=allow_private, timeout_ms=TIMEOUT_MS, parallel=2, now_ms=lambda: 0
    ) as post:
        return await post.send(b'{"a":1}', {"webhook-id": "x"})


async def sent_to(*replies: bytes | Reply) -> Answer:
    """The answer to a POST to such a server, at a URL with a token."""
    async with serving(*replies) as (port, _):
        return await send(f"http://127.0.0.1:{port}/hush?token=hush")


async def test_a_delivery() -> None:
    async with serving(OK) as (port, requests):
        assert await send(f"http://127.0.0.1:{port}/a?b=c") == Answer("2xx", "HTTP 204", 204)
    head = requests[0].decode().lower()
    assert head.startswith("post /a?b=c http/1.1\r\n")
    assert "content-type: application/json\r\n" in head
    assert "webhook-id: x\r\n" in head
    assert "accept-encoding: identity\r\n" in head


async def test_a_redirect_is_not_followed() -> None:
    async with serving(OK) as (other, requests):
        location = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/\r\nContent-Length: 0\r\n\r\n"
        assert await sent_to(location.encode()) == Answer("3xx", "HTTP 302", 302)
    assert requests == []


async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body without an end."""
    writer.write(b"HTTP/1.1 500 Oops\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x" * 65_536)
        try:
            await writer.drain()
        except OSError:
            return


async def test_of_a_body_without_end_little_is_read() -> None:
    answer = await sent_to(flood)
    assert answer.status == 500
    assert len(answer.detail) < 300


async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A head that never comes to its end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for _number in range(40):
        writer.write(b"a: b\r\n")
        await asyncio.sleep(0.1)


async def body_hangs(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    await asyncio.sleep(5)


@pytest.mark.parametrize("reply", [hang, drip])
async def test_who_does_not_answer_in_time_has_not_answered(reply: Reply) -> None:
    begin_s = time.monotonic()
    assert (await sent_to(reply)).result == "timeout"
    assert time.monotonic() - begin_s < 3


async def test_an_answer_counts_from_its_head() -> None:
    """2xx is a delivery, though its body never comes."""
    assert (await sent_to(body_hangs)).delivered


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: hush\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_no_answer(reply: bytes) -> None:
    """And the error does not show a token of the URL."""
    answer = await sent_to(reply)
    assert answer.result == "connection"
    assert "token" not in answer.detail
    assert len(answer.detail) <= 200


async def test_what_a_receiver_says_is_printable() -> None:
    answer = await sent_to(b"HTTP/1.1 500 \r\nContent-Length: 9\r\n\r\na\x1b[31m\xff\n!")
    assert answer.detail.isprintable()


async def test_nobody_listens() -> None:
    async with serving() as (port, _):
        pass
    assert (await send(f"http://127.0.0.1:{port}/")).result == "connection"


async def test_a_name_of_this_machine_is_not_connected_to() -> None:
    async with serving(OK) as (port, requests):
        answer = await send(f"https://localhost:{port}/", allow_private=False)
    assert answer.result == "address"
    assert "127.0.0.1" in answer.detail or "::1" in answer.detail
    assert requests == []


async def test_a_certificate_that_is_not_trusted_ends_it(tmp_path: Path) -> None:
    """Before anything is sent."""
    authority = Authority.create(tmp_path / "ca")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate = authority.issue("receiver")
    tls.load_cert_chain(certificate.cert, certificate.key)
    async with serving(OK, tls=tls) as (port, requests):
        answer = await send(f"https://127.0.0.1:{port}/")
    assert answer.result == "certificate"
    assert requests == []
