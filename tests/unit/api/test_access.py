"""Health and metrics are for everybody, all the rest for this machine or for those who have the token."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from streamproc.api.access import create_guard
from streamproc.api.health import Health, create_http_app
from streamproc.metrics import Metrics

TOKEN = "käse-token"


async def ask(host: str, token: str, path: str, authorization: str | None = None) -> tuple[int, str]:
    """Status and body of a GET from a server that believes to listen on `host`."""

    async def customer(_: web.Request) -> web.Response:
        return web.Response(text="ada")

    def fine() -> Health:
        return Health(True, "fine")

    app = create_http_app(Metrics(), fine, fine, create_guard(host, token))
    app.router.add_get("/customers/ada", customer)
    headers = {} if authorization is None else {"Authorization": authorization}
    async with TestClient(TestServer(app)) as client, client.get(path, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("token", ["", TOKEN])
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_health_and_metrics_are_open(host: str, token: str, path: str) -> None:
    """Probes and scrapers have no token."""
    assert (await ask(host, token, path))[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
async def test_without_a_token_this_machine_may_ask(host: str) -> None:
    """Loopback is reached by nobody else."""
    assert await ask(host, "", "/customers/ada") == (200, "ada")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "worker.example"])
async def test_without_a_token_others_may_not(host: str) -> None:
    """The answer says what to set; paths that do not exist get the same one."""
    for path in ("/customers/ada", "/nothing", "/livez/", "/metrics/../customers/ada"):
        status, text = await ask(host, "", path)
        assert status == 403, path
        assert "STREAMPROC_HTTP_TOKEN" in text


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_a_token_is_asked_for(host: str) -> None:
    """Everywhere, once there is one."""
    assert await ask(host, TOKEN, "/customers/ada", f"Bearer {TOKEN}") == (200, "ada")
    assert await ask(host, TOKEN, "/customers/ada", f"bearer  {TOKEN}") == (200, "ada")
    for wrong in (
        None,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        "Bearer \udcff",
    ):
        status, text = await ask(host, TOKEN, "/customers/ada", wrong)
        assert status == 401, wrong
        assert TOKEN not in text
