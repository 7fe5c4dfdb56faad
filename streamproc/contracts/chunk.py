"""The readable events of a chunk, and one method per column that also rejects what makes no sense in it."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

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
from streamproc.contracts.instants import to_corrected_epoch_ms, to_epoch_ms, to_iso
from streamproc.contracts.meanings import IDENTIFY, NAMELESS, PLAIN, UNKNOWN, Meanings, consent_bits

_NOT_GIVEN: Final = -1.0
_RESERVED: Final = (
    f'starts with "{ANONYMOUS_PREFIX}", which is kept for customers without `userId`; rename it'
)
_NOBODY: Final = "and `anonymousId` are both missing; send one of them"
_TOO_LARGE: Final = f"The event has more than {EVENT_BYTES_MAX} bytes; send a smaller one."

Rows = NDArray[np.intp]
Ints = NDArray[np.int64]


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
    """The readable events of a chunk; `events[row]` is the record at `positions[row]`.

    Each method makes a column of all rows, and rejects those that make no sense; the first rejection counts.
    """

    def __init__(self, records: Sequence[Record], meanings: Meanings) -> None:
        self.events: list[Event] = []
        self.positions: list[int] = []
        self._records, self.meanings = records, meanings
        self._failures: list[Failure] = []
        self._rejected: set[int] = set()
        self._foreign_orders: list[int] = []
        self._read(meanings.reader)

    def _read(self, read: Callable[[bytes], Event]) -> None:
        add_event, add_position = self.events.append, self.positions.append
        for position, record in enumerate(self._records):
            value: Any = record.value
            try:
                if len(value) > EVENT_BYTES_MAX:
                    self._fail(position, FailureReason.TOO_LARGE, "$", _TOO_LARGE)
                    continue
                event = read(value)
                # The decoder skips the texts of fields that nobody reads, without a look at their UTF-8.
                if not value.isascii():
                    value.decode()
            except UNREADABLE as error:
                self._fail(position, *explain(error, value))
                continue
            add_event(event)
            add_position(position)

    def codes(self) -> Rows:
        """intp[rows]: the row of the meaning table of each event."""
        get = self.meanings.table.code.get
        code = np.array(
            [
                get(e.event, UNKNOWN) if e.type == "track" else IDENTIFY if e.type == "identify" else PLAIN
                for e in self.events
            ],
            np.intp,
        )
        for row in np.flatnonzero(code == NAMELESS).tolist():
            self.reject(
                row, FailureReason.MISSING_FIELD, "$.event", "is missing; a track call must have a name"
            )
        return code

    def customers(self) -> list[str]:
        """The customer ids."""
        customer = [e.user_id or "" for e in self.events]
        # One search over all ids: hardly any chunk has a reserved one.
        if f"\n{ANONYMOUS_PREFIX}" in "\n" + "\n".join(customer):
            for row, id_ in enumerate(customer):
                if id_.startswith(ANONYMOUS_PREFIX):
                    self.reject(row, FailureReason.INVALID_FIELD, "$.userId", _RESERVED)
        if "" in customer:
            for row, id_ in enumerate(customer):
                if not id_:
                    customer[row] = self._anonymous_customer(row)
        return customer

    def _anonymous_customer(self, row: int) -> str:
        anonymous_id = self.events[row].anonymous_id
        if anonymous_id is None:
            self.reject(row, FailureReason.NO_CUSTOMER, "$.userId", _NOBODY)
            return ""
        return ANONYMOUS_PREFIX + anonymous_id

    def timestamps(self, latest_ms: int, correct_skew: bool) -> Ints:
        """Epoch milliseconds, each at most `latest_ms`."""
        ts_ms = to_epoch_ms([e.timestamp for e in self.events])
        if correct_skew:
            for row, e in enumerate(self.events):
                if e.received_at is not None and e.sent_at is not None and e.original_timestamp is not None:
                    ts_ms[row] = to_corrected_epoch_ms(e.received_at, e.sent_at, e.original_timestamp)
        column = np.array(ts_ms, np.int64)
        for row in np.flatnonzero(column < 0).tolist():
            self.reject(
                row,
                FailureReason.TIMESTAMP_OUT_OF_RANGE,
                "$.timestamp",
                "is before 1970; check its unit and the sender's clock",
            )
        for row in np.flatnonzero(column > latest_ms).tolist():
            what = (
                f"is {to_iso(ts_ms[row])}, more than 5 minutes ahead; check the sender's clock and the offset"
            )
            self.reject(row, FailureReason.TIMESTAMP_IN_FUTURE, "$.timestamp", what)
        return column

    def durations(self, code: Rows) -> Ints:
        """Milliseconds; -1 where none is given."""
        column = np.array(
            [
                _NOT_GIVEN if (p := e.properties) is None or (ms := p.duration_ms) is None else ms
                for e in self.events
            ],
            np.float64,
        )
        for own_code, own_name in self.meanings.table.duration.items():
            for row in np.flatnonzero(code == own_code).tolist():
                column[row] = self._own_duration(row, own_name)
        column[code == IDENTIFY] = _NOT_GIVEN
        return np.rint(column).astype(np.int64)

    def _own_duration(self, row: int, own_name: str) -> float:
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
            return float(duration)
        return _NOT_GIVEN

    def money(self, code: Rows) -> Ints:
        """Millionths of the currency; 0 where none counts."""
        table = self.meanings.table
        column = np.zeros(len(self.events), np.int64)
        for row in np.flatnonzero(table.order[code]).tolist():
            properties = self.events[row].properties
            if properties is None:
                continue
            currency = properties.currency
            if currency is None or currency == self.meanings.currency:
                column[row] = self._micros(row, table.money[code[row]])
            elif isinstance(currency, str):
                self._foreign_orders.append(row)
            else:
                self.reject(
                    row, FailureReason.WRONG_TYPE, "$.properties.currency", "must be a string, such as EUR"
                )
        return column

    def _micros(self, row: int, attributes: Sequence[tuple[str, str]]) -> int:
        """The first of the properties that is given, in millionths, half to even."""
        properties = self.events[row].properties
        for own_name, attribute in attributes:
            amount = getattr(properties, attribute)
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

    def cart(self, code: Rows) -> tuple[Ints, Ints]:
        """Pieces, negative where they are taken out, and what they cost in millionths."""
        sign = self.meanings.table.cart_sign[code]
        column, micros = np.zeros(len(self.events), np.int64), np.zeros(len(self.events), np.int64)
        for row in np.flatnonzero(sign).tolist():
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
                column[row] = int(quantity)
                micros[row] = int(quantity) * self._price_micros(row)
        return column * sign, micros

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

    def consent(self, code: Rows) -> NDArray[np.int16]:
        """As EventColumns.consent."""
        column = self.meanings.table.consent[code]
        for row in np.flatnonzero(code == IDENTIFY).tolist():
            traits = self.events[row].traits
            if traits is not None and traits.consent is not None:
                column[row] = consent_bits(msgspec.structs.asdict(traits.consent))
        return column

    def kept(self) -> Rows:
        """The rows that no column rejected."""
        return np.delete(np.arange(len(self.events)), np.array(list(self._rejected), np.intp))

    def failures(self) -> list[Failure]:
        """All records that are not accepted, in their order."""
        return sorted(self._failures, key=lambda failure: failure.position)

    def foreign_orders(self) -> int:
        """How many of the kept orders have money in another currency."""
        return len(set(self._foreign_orders) - self._rejected)

    def reject(self, row: int, reason: FailureReason, field: str, what: str) -> None:
        """Do not accept the event: the sentence `<field> <what>` says why. The first rejection counts."""
        if row not in self._rejected:
            self._rejected.add(row)
            self._fail(self.positions[row], reason, field, f"{name(field)} {what}.")

    def _fail(self, position: int, reason: FailureReason, field: str, message: str) -> None:
        offset = self._records[position].offset
        self._failures.append(
            Failure(position=position, offset=offset, reason=reason, field=field, message=message)
        )
