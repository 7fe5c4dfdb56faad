"""The readable events of a chunk, and one method per column that few of them fill, or that may make no sense."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EVENT_DTYPE
from streamproc.contracts.events import (
    ANONYMOUS_PREFIX,
    DURATION_MS_MAX,
    EVENT_BYTES_MAX,
    MONEY_MAX,
    PRICE_MAX,
    QUANTITY_MAX,
    Event,
)
from streamproc.contracts.failures import UNREADABLE, Failure, FailureReason, explain, name
from streamproc.contracts.instants import to_corrected_epoch_ms, to_iso
from streamproc.contracts.meanings import (
    CART,
    NAMELESS,
    ORDER,
    Meanings,
)
from streamproc.contracts.rows import begin

_NOT_GIVEN: Final = -1
_RESERVED: Final = (
    f'starts with "{ANONYMOUS_PREFIX}", which is kept for customers without `userId`; rename it'
)
_NOBODY: Final = "and `anonymousId` are both missing; send one of them"
_TOO_LARGE: Final = f"The event has more than {EVENT_BYTES_MAX} bytes; send a smaller one."
_TOO_EARLY: Final = "is before 1970; check its unit and the sender's clock"
_TOO_LATE: Final = "is {}, more than 5 minutes ahead; check the sender's clock and the offset"

Rows = NDArray[np.intp]


class Record(Protocol):
    """What is read of a Kafka record; aiokafka's ConsumerRecord is one."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Chunk:
    """The readable events of a chunk: `events[row]` is the record at `index[row]`, and `rows[row]` what is known of it.

    A row begins as what the event's name means and what most events say (`rows.pyx`); each method fills in columns that
    only few events have anything for, and rejects those that make no sense. The first rejection counts.
    """

    def __init__(
        self, records: Sequence[Record], topic: int, origin: int | Sequence[int], meanings: Meanings
    ) -> None:
        """`origin`: of the records' topic, or one for each record."""
        self.meanings = meanings
        self._records = records
        self._failures: list[Failure] = []
        self._rejected: set[int] = set()
        self._foreign_orders: list[int] = []
        self.events, self.index = self._read(meanings.reader)
        origins = [origin] * len(records) if isinstance(origin, int) else origin
        if len(self.events) < len(records):
            places = self.index.tolist()
            records, origins = [records[place] for place in places], [origins[place] for place in places]
        table = meanings.table
        self._begun = begin(
            self.events, records, topic, origins, table.codes, table.plain, table.looks, ANONYMOUS_PREFIX
        )
        self.rows = np.frombuffer(self._begun.rows, EVENT_DTYPE)
        self.codes = self._begun.codes

    def _read(self, read: Callable[[bytes], Event]) -> tuple[list[Event], Rows]:
        events: list[Any] = []  # None: not readable
        for record in self._records:
            value: Any = record.value
            event = None
            try:
                if len(value) > EVENT_BYTES_MAX:
                    self._fail(len(events), FailureReason.TOO_LARGE, "$", _TOO_LARGE)
                else:
                    event = read(value)
                    # The decoder skips the texts of fields that nobody reads, without a look at their UTF-8.
                    if not value.isascii():
                        value.decode()
            except UNREADABLE as error:
                self._fail(len(events), *explain(error, value))
                event = None
            events.append(event)
        if not self._failures:
            return events, np.arange(len(events))
        index = np.flatnonzero([event is not None for event in events])
        return [events[position] for position in index.tolist()], index

    def rows_with(self, look: int) -> list[int]:
        """The events in which to look at this: ORDER, CART ... Hardly any chunk has all of them."""
        return [row for row, looks in self._begun.looks if looks & look]

    def refuse_nameless(self) -> None:
        """Track calls must say what happened."""
        if NAMELESS in self.codes:
            what = "is missing; a track call must have a name"
            for row, code in enumerate(self.codes):
                if code == NAMELESS:
                    self.reject(row, FailureReason.MISSING_FIELD, "$.event", what)

    def customers(self) -> list[str]:
        """The customer ids."""
        customers = self._begun.customers
        for row in self._begun.odd_customers:
            if customers[row] is None:
                customers[row] = self._anonymous_customer(row)
            else:
                self.reject(row, FailureReason.INVALID_FIELD, "$.userId", _RESERVED)
        return cast(list[str], customers)

    def _anonymous_customer(self, row: int) -> str:
        anonymous_id = self.events[row].anonymous_id
        if anonymous_id is None:
            self.reject(row, FailureReason.NO_CUSTOMER, "$.userId", _NOBODY)
            return ""
        return ANONYMOUS_PREFIX + anonymous_id

    def fill_times(self, latest_ms: int, correct_skew: bool) -> None:
        """Instants by the receiver's clock, where the sender's tells; each at most `latest_ms` (epoch ms)."""
        corrected = self._correct_times() if correct_skew and self._begun.sent else False
        if self._begun.latest_ms <= latest_ms and not corrected:
            return
        ts_ms = self.rows["ts_ms"]
        # One look for both: what is before 1970 is a very large number without its sign.
        for row in np.flatnonzero(ts_ms.view(np.uint64) > latest_ms).tolist():
            if ts_ms[row] < 0:
                reason, what = FailureReason.TIMESTAMP_OUT_OF_RANGE, _TOO_EARLY
            else:
                reason, what = FailureReason.TIMESTAMP_IN_FUTURE, _TOO_LATE.format(to_iso(int(ts_ms[row])))
            self.reject(row, reason, "$.timestamp", what)

    def _correct_times(self) -> bool:
        """Whether there was anything to correct."""
        corrected = {}
        for row in self._begun.sent:
            e = self.events[row]
            if e.sent_at is not None and e.received_at is not None and e.original_timestamp is not None:
                corrected[row] = to_corrected_epoch_ms(e.received_at, e.sent_at, e.original_timestamp)
        if corrected:
            self.rows["ts_ms"][list(corrected)] = list(corrected.values())
        return bool(corrected)

    def fill_own_durations(self) -> None:
        """Milliseconds in a property that the rules name; -1 where none is given."""
        own_names = self.meanings.table.duration
        if own_names:
            column = self.rows["duration_ms"]
            for row, code in enumerate(self.codes):
                if code in own_names:
                    column[row] = self._own_duration(row, own_names[code])

    def _own_duration(self, row: int, own_name: str) -> int:
        """The duration in the property that the rules name for this event."""
        duration = getattr(self.events[row].properties, self.meanings.attribute(own_name), None)
        if duration is None:
            return _NOT_GIVEN
        field = f"$.properties.{own_name}"
        if type(duration) not in (int, float):
            self.reject(row, FailureReason.WRONG_TYPE, field, "must be a number of milliseconds")
        elif not 0 <= duration <= DURATION_MS_MAX:
            self.reject(row, FailureReason.OUT_OF_RANGE, field, "must be from 0 to 366 days, in milliseconds")
        else:
            rounded: int = round(duration)
            return rounded
        return _NOT_GIVEN

    def fill_money(self) -> None:
        """Millionths of the currency; 0 where none counts."""
        rows = self.rows_with(ORDER)
        if not rows:
            return
        column, money = self.rows["money_micros"], self.meanings.table.money
        for row in rows:
            properties = self.events[row].properties
            if properties is None:
                continue
            currency = properties.currency
            if currency is None or currency == self.meanings.currency:
                column[row] = self._micros(row, money[self.codes[row]])
            elif isinstance(currency, str):
                self._foreign_orders.append(row)
            else:
                self.reject(
                    row, FailureReason.WRONG_TYPE, "$.properties.currency", "must be a string, such as EUR"
                )

    def _micros(self, row: int, attributes: Sequence[tuple[str, str]]) -> int:
        """The first of the properties that is given, in millionths, half to even."""
        for own_name, attribute in attributes:
            amount = getattr(self.events[row].properties, attribute)
            if amount is None:
                continue
            field = f"$.properties.{own_name}"
            if type(amount) not in (int, float):
                self.reject(row, FailureReason.WRONG_TYPE, field, "must be a number: it is an order's money")
            elif not 0 <= amount <= MONEY_MAX:
                self.reject(row, FailureReason.OUT_OF_RANGE, field, f"must be from 0 to {MONEY_MAX:,}")
            else:
                micros: int = round(amount * 1e6)
                return micros
            break
        return 0

    def fill_carts(self) -> None:
        """Pieces, negative where they are taken out, and what they cost in millionths."""
        rows = self.rows_with(CART)
        if not rows:
            return
        column, micros = self.rows["cart"], self.rows["cart_micros"]
        for row in rows:
            properties = self.events[row].properties
            quantity = 1 if properties is None or properties.quantity is None else properties.quantity
            field = "$.properties.quantity"
            if type(quantity) not in (int, float):
                self.reject(row, FailureReason.WRONG_TYPE, field, "must be an integer")
            elif not 1 <= quantity <= QUANTITY_MAX or quantity != int(quantity):
                self.reject(
                    row, FailureReason.OUT_OF_RANGE, field, f"must be an integer from 1 to {QUANTITY_MAX}"
                )
            else:
                column[row] *= int(quantity)
                micros[row] = int(quantity) * self._price_micros(row)

    def _price_micros(self, row: int) -> int:
        """What one piece costs; 0 where that is not said in the rules' currency."""
        properties = self.events[row].properties
        if properties is None or properties.price is None:
            return 0
        price, field = properties.price, "$.properties.price"
        if type(price) not in (int, float):
            self.reject(row, FailureReason.WRONG_TYPE, field, "must be a number: it is the price of a piece")
        elif not 0 <= price <= PRICE_MAX:
            self.reject(row, FailureReason.OUT_OF_RANGE, field, f"must be from 0 to {PRICE_MAX:,}")
        elif properties.currency is None or properties.currency == self.meanings.currency:
            micros: int = round(price * 1e6)
            return micros
        return 0

    def kept(self) -> Rows | None:
        """The rows that no column rejected; None: all of them."""
        if not self._rejected:
            return None
        return np.delete(np.arange(len(self.events)), np.array(list(self._rejected), np.intp))

    def failures(self) -> list[Failure]:
        """All records that are not accepted, in their order."""
        return sorted(self._failures, key=lambda failure: failure.position)

    def foreign_orders(self) -> int:
        """How many of the kept orders have money in another currency."""
        return self.count_kept(self._foreign_orders)

    def count_kept(self, rows: Sequence[int]) -> int:
        """How many of these rows no column rejected."""
        return len(set(rows) - self._rejected)

    def reject(self, row: int, reason: FailureReason, field: str, what: str) -> None:
        """Do not accept the event: the sentence `<field> <what>` says why. The first rejection counts."""
        if row not in self._rejected:
            self._rejected.add(row)
            self._fail(int(self.index[row]), reason, field, f"{name(field)} {what}.")

    def _fail(self, position: int, reason: FailureReason, field: str, message: str) -> None:
        offset = self._records[position].offset
        self._failures.append(
            Failure(position=position, offset=offset, reason=reason, field=field, message=message)
        )
