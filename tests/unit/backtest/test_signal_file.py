"""Signals in the order of their partitions."""

import io
import tempfile
from pathlib import Path
from typing import IO

import orjson
import pytest

from streamproc.backtest.signal_file import SignalFile
from streamproc.contracts.outbox import OutRecord
from streamproc.errors import StreamprocError
from streamproc.transitions.publish import Signal


def signal(at_ms: int, customer: str, partition: int, number: int) -> Signal:
    record = OutRecord("t", customer.encode(), [("ce_id", b"x"), ("none", None)], b'{"n":%d}' % number)
    return Signal(at_ms, customer, "t", "entered", "s", record.pack(), partition)


def test_by_instant_then_by_customer_then_as_they_came(tmp_path: Path) -> None:
    with SignalFile(lambda partition: (tmp_path / str(partition)).open("wb")) as file:
        file.add([signal(5, "b", 0, 1), signal(9, "b", 0, 2), signal(9, "b", 0, 3)])
        file.add([signal(9, "a", 0, 4), signal(1, "c", 2, 5)])
        file.write()
    lines = {path.name: path.read_bytes().splitlines() for path in tmp_path.iterdir()}
    assert {name: [orjson.loads(line)["value"]["n"] for line in some] for name, some in lines.items()} == {
        "0": [1, 4, 2, 3], "2": [5],
    }  # fmt: skip
    assert lines["2"] == [b'{"topic":"t","key":"c","headers":{"ce_id":"x","none":""},"value":{"n":5}}']


def test_without_signals_no_part_is_opened() -> None:
    def opened(_: int) -> IO[bytes]:
        raise AssertionError

    with SignalFile(opened) as file:
        file.add([])
        file.write()


def test_a_disk_that_is_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with (
        SignalFile(lambda _: io.BytesIO()) as file,
        pytest.raises(StreamprocError, match="No space left") as raised,
    ):
        file.add([signal(1, "a", 0, 1)])
    assert "TMPDIR" in raised.value.fix
