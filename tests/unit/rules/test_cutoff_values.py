"""The file of cut-offs' values: read back as written, and what is said about a wrong one."""

from pathlib import Path

import msgspec
import pytest

from streamproc.errors import StreamprocError
from streamproc.rules.cutoff_values import NO_VALUES, encode_cutoffs, load_cutoffs, version_of
from tests.unit.rules.test_cutoffs import values


def test_a_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "cutoffs.json"
    path.write_bytes(encode_cutoffs(values(heavy_use="9", recent="7d")))
    assert load_cutoffs(path) == values(heavy_use="9", recent="7d")
    assert path.read_text().startswith('{\n  "version": "cutoffs-1"')


def test_none_yet_is_no_mistake(tmp_path: Path) -> None:
    """The first start comes before the first sample. In no directory, though, nobody will ever write one."""
    assert load_cutoffs(None) is NO_VALUES
    assert load_cutoffs(tmp_path / "cutoffs.json") is NO_VALUES
    with pytest.raises(StreamprocError, match="there is no such directory") as caught:
        load_cutoffs(tmp_path / "nowhere" / "cutoffs.json")
    assert "STREAMPROC_CUTOFFS" in caught.value.fix
    with pytest.raises(StreamprocError, match="Is a directory"):
        load_cutoffs(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"quantile": 80', '"quantile": 100', "quantile"),
        ('"version": "cutoffs-1"', '"version": ""', "version"),
        ('"sampled"', '"sampld"', "sampld"),
        ("{", "[", "not a file of cut-offs"),
    ],
)
def test_a_wrong_file_is_told(old: str, new: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "cutoffs.json"
    path.write_text(encode_cutoffs(values(heavy_use="9")).decode().replace(old, new))
    with pytest.raises(StreamprocError, match=told) as caught:
        load_cutoffs(path)
    assert str(path) in caught.value.message
    assert "streamproc cutoffs" in caught.value.fix


def test_the_version_is_that_of_the_values() -> None:
    """Not of who was looked at, when, or in which order."""
    some = values(heavy_use="9", recent="7d").cutoffs
    again = {name: msgspec.structs.replace(some[name], customers=1) for name in reversed(some)}
    assert version_of(some) == version_of(again)
    assert version_of(some) != version_of(values(heavy_use="10", recent="7d").cutoffs)
