"""Files of events to chronicles, on all cores: this process reads blocks of lines, others decode them."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import IO, Final, Self

from streamproc.backtest.blocks import Block, Parcel, blocks_of, decode, lines_in
from streamproc.backtest.chronicle import Chronicle, Chronicler
from streamproc.backtest.crew import cores, crew, receive, send
from streamproc.backtest.history import HistoricEvent, Lines
from streamproc.contracts.meanings import Meanings

#: Of those that stand in no file.
_BLOCK_EVENTS: Final = 5_000


class ChronicleReader:
    """Reads files one after the other: a context, in which its processes live.

    `lines`: what is known of the lines that were read.
    """

    def __init__(
        self, partitions: int, meanings: Sequence[Meanings], wall_now_ms: int, processes: int | None = None
    ) -> None:
        """`meanings`: of each version of the rules. `wall_now_ms`: what lies behind is refused.

        `processes`, beside this one, None: as many as there are cores.
        """
        self.lines = Lines()
        self._meanings: list[Meanings] = []
        for each in meanings:
            if each not in self._meanings:
                self._meanings.append(each)
        self._of_version = [self._meanings.index(each) for each in meanings]
        self._chroniclers = [Chronicler(partitions) for _ in self._meanings]
        self._wall_now_ms = wall_now_ms
        self._processes = cores() if processes is None else processes
        self._exit = ExitStack()
        self._idle: list[Connection] = []
        self._under_way: dict[Connection, int] = {}
        self._begun = self._ended = 0  # blocks
        self._early: dict[int, list[Parcel]] = {}

    def __enter__(self) -> Self:
        if self._processes > 1:
            self._idle = self._exit.enter_context(crew([self._decode] * self._processes))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def read(self, file: IO[bytes], name: str, topic: str, advance: Callable[[int], None]) -> None:
        """All lines of a file. `topic`: of lines without an envelope; `advance` is told the bytes done."""
        for block in blocks_of(file, self.lines.begin(name), topic):
            self._take(block)
            advance(len(block.text))

    def put(self, events: Iterable[HistoricEvent], name: str) -> None:
        """Events that stand in no file, as lines of `name`."""
        self.lines.begin(name)
        rest = iter(events)
        while some := list(islice(rest, _BLOCK_EVENTS)):
            lines = [
                b'{"topic":"%b","value_base64":"%b"}' % (event.topic.encode(), b64encode(event.value))
                for event in some
            ]
            self._take(Block(self.lines.read + 1, some[0].topic, b"\n".join(lines)))

    def chronicles(self) -> list[Chronicle]:
        """What was read, by each version of the rules. To be called once, at the end."""
        while self._under_way:
            self._wait()
        chronicles = [each.end() for each in self._chroniclers]
        return [chronicles[place] for place in self._of_version]

    def _take(self, block: Block) -> None:
        self.lines.read += lines_in(block.text)
        number, self._begun = self._begun, self._begun + 1
        if self._processes == 1:
            self._put_in_order(number, decode(block, self._meanings, self._wall_now_ms))
            return
        if not self._idle:
            self._wait()
        link = self._idle.pop()
        self._under_way[link] = number
        send(link, block)

    def _wait(self) -> None:
        """Until some block is decoded."""
        for link in wait(list(self._under_way)):
            assert isinstance(link, Connection)
            parcels = receive(link)
            self._idle.append(link)
            self._put_in_order(self._under_way.pop(link), parcels)

    def _put_in_order(self, number: int, parcels: list[Parcel]) -> None:
        self._early[number] = parcels
        while self._ended in self._early:
            parcels = self._early.pop(self._ended)
            self._ended += 1
            self.lines.records += parcels[0].records
            for line, message in parcels[0].bad_lines:
                self.lines.refuse(line, message)
            for chronicler, parcel in zip(self._chroniclers, parcels, strict=True):
                chronicler.add(parcel)

    def _decode(self, link: Connection) -> None:
        """In a process of its own."""
        while True:
            try:
                block = link.recv()
            except EOFError:
                return
            link.send(decode(block, self._meanings, self._wall_now_ms))
