"""Certificates for the servers and clients of a test, made by the openssl of the machine; valid for a day."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
#: In place of the machine's own, which adds extensions that differ from one system to the next.
_CONFIG = "[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = {name}\n"


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files."""

    cert: Path
    key: Path

    def in_one_file(self) -> Path:
        """Key and certificate behind one another, as Kafka's brokers read them."""
        both = self.key.with_suffix(".both.pem")
        both.write_text(self.key.read_text() + self.cert.read_text())
        return both

    def locked(self, password: str) -> Path:
        """The key, encrypted."""
        locked = self.key.with_suffix(".locked.key")
        files = ("-in", str(self.key), "-out", str(locked))
        command = ["openssl", "pkey", "-aes256", *files, "-passout", f"pass:{password}"]
        subprocess.run(command, check=True, capture_output=True)
        return locked


@dataclass(frozen=True)
class Authority:
    """A CA of the tests; its own certificate is what clients trust."""

    directory: Path
    own: Certificate

    @classmethod
    def create(cls, directory: Path) -> Self:
        """A new CA, with its files in `directory`."""
        directory.mkdir()
        own = _create(directory, "ca", "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
        return cls(directory, own)

    def issue(self, name: str) -> Certificate:
        """A certificate for `name`, good for servers on 127.0.0.1 and for clients."""
        signed_by = ("-CA", str(self.own.cert), "-CAkey", str(self.own.key))
        names = "subjectAltName=IP:127.0.0.1"
        return _create(self.directory, name, "basicConstraints=CA:FALSE", names, signed_by=signed_by)


def _create(directory: Path, name: str, *extensions: str, signed_by: tuple[str, ...] = ()) -> Certificate:
    made = Certificate(directory / f"{name}.pem", directory / f"{name}.key")
    config = directory / f"{name}.cnf"
    config.write_text(_CONFIG.format(name=name))
    files = ("-config", str(config), "-keyout", str(made.key), "-out", str(made.cert))
    added = [part for extension in extensions for part in ("-addext", extension)]
    command = ["openssl", "req", "-x509", "-days", "1", *_NEW_KEY, *files, *added, *signed_by]
    subprocess.run(command, check=True, capture_output=True)
    return made
