"""`streamproc schemas`."""

from pathlib import Path

from click.testing import CliRunner, Result

from streamproc.cli.schemas import schemas_command
from streamproc.contracts.export import documents
from streamproc.errors import StreamprocError


def run(root: Path, *options: str) -> Result:
    """Run it on a checkout."""
    (root / "schemas").mkdir(exist_ok=True)
    return CliRunner().invoke(schemas_command, ["--root", str(root), *options])


def test_writes_what_is_missing_and_then_nothing(tmp_path: Path) -> None:
    """And the check agrees."""
    assert run(tmp_path, "--check").exit_code == 1
    assert run(tmp_path).exit_code == 0
    assert {path.name for path in (tmp_path / "schemas").iterdir()} == set(documents())
    assert run(tmp_path).stdout == f"0 of {len(documents())} files changed\n"
    assert run(tmp_path, "--check").stdout == f"{len(documents())} files are up to date\n"


def test_check_changes_nothing_and_says_what_is_wrong(tmp_path: Path) -> None:
    """Stale, missing and foreign files, with the fix."""
    run(tmp_path)
    (tmp_path / "schemas" / "churn.risk.json").write_text("{}")
    (tmp_path / "schemas" / "events.web.json").unlink()
    (tmp_path / "schemas" / "old.json").write_text("{}")
    result = run(tmp_path, "--check")
    assert result.exit_code == 1
    assert "churn.risk.json is not up to date" in result.stderr
    assert "events.web.json is missing" in result.stderr
    assert "old.json is not generated; remove it" in result.stderr
    assert "fix: run `streamproc schemas`" in result.stderr
    assert (tmp_path / "schemas" / "churn.risk.json").read_text() == "{}"


def test_the_documentation_is_filled_in(tmp_path: Path) -> None:
    """Where there is any."""
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "events.md"
    page.write_text("# Title\n<!-- generated: reasons -->\n<!-- end -->\n")
    assert run(tmp_path, "--check").exit_code == 1
    run(tmp_path)
    assert "| `not_json` |" in page.read_text()
    assert page.read_text().startswith("# Title\n")
    assert run(tmp_path, "--check").exit_code == 0


def test_writes_nothing_outside_a_checkout(tmp_path: Path) -> None:
    """Who tries a command in some directory does not want files there."""
    result = CliRunner().invoke(schemas_command, ["--root", str(tmp_path)])
    assert isinstance(result.exception, StreamprocError)
    assert "there is no directory" in result.exception.message
    assert list(tmp_path.iterdir()) == []
