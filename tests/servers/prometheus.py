"""Debian's Prometheus, as `make promtool` unpacks it: the server, its answers, and promtool."""

import json
import socket
import subprocess
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.process import ServerProcess

FOLDER = Path(__file__).parents[2] / ".cache" / "prometheus"


def missing() -> str:
    """Why there is no Prometheus; empty if there is."""
    there = all((FOLDER / name).exists() for name in ("prometheus", "promtool"))
    return "" if there else f"{FOLDER} holds no Prometheus: make promtool"


def promtool(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run promtool; `given` is its standard input."""
    command = [str(FOLDER / "promtool"), *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)


@dataclass(kw_only=True)
class PrometheusProcess(ServerProcess):
    """Prometheus with the configuration `prometheus.yml` in its directory."""

    def command(self) -> list[str]:
        """The server, on loopback, with its files in `directory`."""
        return [
            str(FOLDER / "prometheus"),
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def answers(self, connection: socket.socket) -> bool:
        """Whether it says that it is ready."""
        connection.sendall(b"GET /-/ready HTTP/1.0\r\n\r\n")
        return connection.recv(64).split(b" ")[1:2] == [b"200"]

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its HTTP API. Raises HTTPError for an expression that it does not take."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression, now."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found
