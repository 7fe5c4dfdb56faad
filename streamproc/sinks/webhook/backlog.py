"""Messages that wait, in memory: which is due, one at a time for each customer. The journal has the same in Redis."""

from collections import deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from streamproc.sinks.webhook.message import Message

_Place = tuple[int, str]
_Chain = tuple[int, bytes]
_Entry = tuple[int, int, _Place]


class Backlog:
    """Messages by partition. A customer's are in the order in which they were added; only the first of them is sent."""

    def __init__(self) -> None:
        self.bytes = 0
        self._messages: dict[int, dict[_Place, Message]] = {}
        self._chains: dict[_Chain, deque[_Place]] = {}
        self._sending: set[_Chain] = set()
        #: Those that `ended` gave out: they are not sent any more.
        self._ending: set[tuple[int, _Place]] = set()
        #: (when, partition, place). Entries that say no longer so are passed over.
        self._due: list[_Entry] = []
        self._ends: list[_Entry] = []

    def __len__(self) -> int:
        return sum(map(len, self._messages.values()))

    @property
    def oldest_ms(self) -> int | None:
        """When the message was read that has waited longest; None: none waits."""
        reads = (message.read_ms for some in self._messages.values() for message in some.values())
        return min(reads, default=None)

    @property
    def next_ms(self) -> int | None:
        """When the next message is due, or was; None: none is before something else happens."""
        while self._due and not self._holds(*self._due[0]):
            heappop(self._due)
        return self._due[0][0] if self._due else None

    def lowest(self, partition: int) -> int | None:
        """The offset of the first message that waits; None: none does."""
        return min((offset for offset, _ in self._messages.get(partition, ())), default=None)

    def add(self, partition: int, messages: Iterable[Message]) -> None:
        """Messages behind those that are there; one that is there already stays as it is."""
        held = self._messages.setdefault(partition, {})
        for message in sorted(messages, key=lambda message: message.offset):
            if message.place in held:
                continue
            held[message.place] = message
            self.bytes += len(message.body)
            heappush(self._ends, (message.ends_ms, partition, message.place))
            chain = self._chains.setdefault((partition, message.customer), deque())
            chain.append(message.place)
            if len(chain) == 1:
                self._push(partition, message)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        for message in self._messages.pop(partition, {}).values():
            self.bytes -= len(message.body)
            self._chains.pop((partition, message.customer), None)
            self._sending.discard((partition, message.customer))
            self._ending.discard((partition, message.place))

    def take(self, now_ms: int) -> tuple[int, Message] | None:
        """A message that is due, with its partition; its customer waits until it is put back or removed."""
        next_ms = self.next_ms
        if next_ms is None or next_ms > now_ms:
            return None
        _, partition, place = heappop(self._due)
        message = self._messages[partition][place]
        self._sending.add((partition, message.customer))
        return partition, message

    def put_back(self, partition: int, message: Message) -> None:
        """A message that was taken waits again, as it is now; if its partition was not forgotten meanwhile."""
        held = self._messages.get(partition, {})
        if message.place not in held:
            return
        self._sending.discard((partition, message.customer))
        held[message.place] = message
        self._push(partition, message)

    def remove(self, partition: int, message: Message) -> None:
        """A message is done; the next one of its customer may be sent."""
        held, chain = self._messages.get(partition, {}), (partition, message.customer)
        if held.pop(message.place, None) is None:
            return
        self.bytes -= len(message.body)
        self._ending.discard((partition, message.place))
        places = self._chains[chain]
        was_first = places[0] == message.place
        places.remove(message.place)
        if was_first:
            self._sending.discard(chain)
        if not places:
            del self._chains[chain]
        elif was_first:
            self._push(partition, held[places[0]])

    def ended(self, now_ms: int) -> dict[int, list[Message]]:
        """By partition, the messages whose time is over and that are not being sent, each given out once.

        They are not taken any more, and the others of their customers wait until they are removed.
        """
        found: dict[int, list[Message]] = {}
        being_sent = []
        while self._ends and self._ends[0][0] <= now_ms:
            entry = heappop(self._ends)
            _, partition, place = entry
            message = self._messages.get(partition, {}).get(place)
            if message is None or (partition, place) in self._ending:
                continue
            chain = (partition, message.customer)
            if chain in self._sending and self._chains[chain][0] == place:
                being_sent.append(entry)
            else:
                self._ending.add((partition, place))
                found.setdefault(partition, []).append(message)
        for entry in being_sent:
            heappush(self._ends, entry)
        return found

    def hasten(self) -> None:
        """All that is not being sent is due now."""
        for (partition, customer), places in self._chains.items():
            if (partition, customer) not in self._sending:
                held = self._messages[partition]
                held[places[0]] = held[places[0]].due_at(0)
        self._due = [
            (held[places[0]].next_ms, partition, places[0])
            for (partition, _), places in self._chains.items()
            for held in (self._messages[partition],)
        ]
        heapify(self._due)

    def _push(self, partition: int, message: Message) -> None:
        heappush(self._due, (message.next_ms, partition, message.place))

    def _holds(self, next_ms: int, partition: int, place: _Place) -> bool:
        """Whether a message may still be sent then."""
        message = self._messages.get(partition, {}).get(place)
        if message is None or message.next_ms != next_ms or (partition, place) in self._ending:
            return False
        chain = (partition, message.customer)
        return chain not in self._sending and self._chains[chain][0] == place
