"""One at a time for each customer, in order; all that is due, and nothing else."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streamproc.sinks.webhook.backlog import Backlog
from streamproc.sinks.webhook.message import Message


def message(offset: int, customer: bytes = b"a", ends_ms: int = 1_000, next_ms: int = 0) -> Message:
    return Message(
        offset=offset,
        customer=customer,
        id=f"m{offset}",
        body=b"x" * 10,
        read_ms=offset,
        ends_ms=ends_ms,
        next_ms=next_ms,
    )


def test_a_customers_next_message_waits_for_the_one_before() -> None:
    backlog = Backlog()
    backlog.add(0, [message(1), message(2), message(3, b"b")])
    taken = [backlog.take(0), backlog.take(0)]
    assert [one and one[1].offset for one in taken] == [1, 3]
    assert backlog.take(0) is None
    backlog.put_back(0, message(1, next_ms=50))
    assert backlog.take(49) is None
    assert backlog.take(50) == (0, message(1, next_ms=50))
    backlog.remove(0, message(1))
    assert backlog.take(50) == (0, message(2))


def test_what_has_ended_is_given_out_once_and_not_taken() -> None:
    backlog = Backlog()
    backlog.add(0, [message(1, ends_ms=10), message(2, ends_ms=99), message(3, b"b", ends_ms=10)])
    assert backlog.take(0) == (0, message(1, ends_ms=10))
    assert backlog.ended(10) == {0: [message(3, b"b", ends_ms=10)]}, "the first is being sent"
    backlog.put_back(0, message(1, ends_ms=10, next_ms=5))
    assert backlog.ended(10) == {0: [message(1, ends_ms=10, next_ms=5)]}
    assert backlog.ended(10) == {}
    assert backlog.take(10) is None
    backlog.remove(0, message(1))
    assert backlog.take(10) == (0, message(2, ends_ms=99))


def test_a_partition_is_forgotten_whole() -> None:
    backlog = Backlog()
    backlog.add(0, [message(1)])
    backlog.add(1, [message(4, b"b")])
    assert (backlog.bytes, backlog.lowest(0), backlog.oldest_ms) == (20, 1, 1)
    backlog.drop(0)
    assert (len(backlog), backlog.bytes, backlog.lowest(0), backlog.oldest_ms) == (1, 10, None, 4)
    assert backlog.take(0) == (1, message(4, b"b"))
    backlog.drop(1)
    backlog.put_back(1, message(4, b"b", next_ms=5))
    backlog.remove(1, message(4, b"b"))
    assert (len(backlog), backlog.bytes, backlog.next_ms) == (0, 0, None)


class Customers(RuleBasedStateMachine):
    """Against a list: a customer's messages are taken in their order, one at a time, none is lost."""

    @initialize()
    def begin(self) -> None:
        self.backlog, self.now_ms, self.offset = Backlog(), 0, 0
        self.waiting: list[Message] = []
        self.sending: list[Message] = []

    @rule(customer=st.sampled_from([b"a", b"b", b"c"]), ends_in_ms=st.integers(1, 20))
    def add(self, customer: bytes, ends_in_ms: int) -> None:
        self.offset += 1
        one = message(self.offset, customer, self.now_ms + ends_in_ms)
        self.waiting.append(one)
        self.backlog.add(0, [one, *self.waiting[:1]])

    @rule(passes_ms=st.integers(1, 10))
    def wait(self, passes_ms: int) -> None:
        self.now_ms += passes_ms

    @rule()
    def take(self) -> None:
        taken = self.backlog.take(self.now_ms)
        busy = {one.customer for one in self.sending}
        firsts: dict[bytes, Message] = {}
        for one in self.waiting:
            firsts.setdefault(one.customer, one)
        may = [one for one in firsts.values() if one.customer not in busy and one.next_ms <= self.now_ms]
        if taken is None:
            assert not may
        else:
            assert taken[1] in may
            self.sending.append(taken[1])

    @precondition(lambda self: self.sending)
    @rule(data=st.data(), pause_ms=st.integers(1, 10))
    def fail(self, data: st.DataObject, pause_ms: int) -> None:
        one = data.draw(st.sampled_from(self.sending))
        self.sending.remove(one)
        later = one.due_at(self.now_ms + pause_ms)
        self.waiting[self.waiting.index(one)] = later
        self.backlog.put_back(0, later)

    @precondition(lambda self: self.sending)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.sending))
        self.sending.remove(one)
        self.waiting.remove(one)
        self.backlog.remove(0, one)

    @rule()
    def end(self) -> None:
        over = [one for one in self.waiting if one.ends_ms <= self.now_ms and one not in self.sending]
        found = self.backlog.ended(self.now_ms).get(0, [])
        assert sorted(found, key=lambda one: one.offset) == over
        for one in found:
            self.waiting.remove(one)
            self.backlog.remove(0, one)

    @rule()
    def hasten(self) -> None:
        self.backlog.hasten()
        firsts: set[bytes] = set()
        for place, one in enumerate(self.waiting):
            if one.customer not in firsts and one.customer not in {other.customer for other in self.sending}:
                self.waiting[place] = one.due_at(0)
            firsts.add(one.customer)

    @invariant()
    def counts_agree(self) -> None:
        assert len(self.backlog) == len(self.waiting)
        assert self.backlog.bytes == 10 * len(self.waiting)
        assert self.backlog.lowest(0) == min((one.offset for one in self.waiting), default=None)


TestCustomers = Customers.TestCase
TestCustomers.settings = settings(max_examples=60, stateful_step_count=40)
