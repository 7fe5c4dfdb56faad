"""`streamproc segments lint`: what it prints, and its exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli.segments import segments_group

BAD = """\
segments:
  - key: quiet
    name: Quiet
    version: 1
    enter: recenzy > 14d
"""
DOUBTFUL = BAD.replace("recenzy > 14d", "recency > 14d and recency < 7d")


def lint(*arguments: str, rules: Path | None = None) -> Result:
    env = {"STREAMPROC_RULES": str(rules) if rules else None}
    return CliRunner().invoke(segments_group, ["lint", *arguments], env=env)


def test_the_playbook_is_checked_by_default() -> None:
    """Without a file and without STREAMPROC_RULES."""
    result = lint()
    assert result.exit_code == 0
    assert result.stdout == "playbook.yaml: no problems in 30 segments and 2 campaigns\n"


def test_a_mistake_is_shown_in_its_line(tmp_path: Path) -> None:
    """Place, source line, caret, nearest right name; exit code 2."""
    path = tmp_path / "rules.yaml"
    path.write_text(BAD)
    result = lint(str(path))
    assert result.exit_code == 2
    assert result.stdout == (
        f"{path}:5:12: error: unknown feature `recenzy`\n"
        "        enter: recenzy > 14d\n"
        "               ^\n"
        "  did you mean `recency`?\n"
        "\n"
        f"{path}: 1 error\n"
    )


def test_warnings_do_not_fail(tmp_path: Path) -> None:
    """The worker would start with this file, found through STREAMPROC_RULES."""
    path = tmp_path / "rules.yaml"
    path.write_text(DOUBTFUL)
    result = lint(rules=path)
    assert result.exit_code == 0
    assert "warning: nobody can ever enter" in result.stdout
    assert result.stdout.endswith(f"{path}: 1 warning in 1 segment and 0 campaigns\n")


def test_brackets_in_a_file_are_no_markup(tmp_path: Path) -> None:
    """Source lines are printed as they are."""
    path = tmp_path / "rules.yaml"
    path.write_text(BAD.replace("Quiet", '"[red]Quiet[/red]"').replace("version: 1", "version: [bold]"))
    assert "version: [bold]" in lint(str(path)).stdout


@pytest.mark.parametrize(("text", "valid", "exit_code"), [(BAD, False, 2), (DOUBTFUL, True, 0)])
def test_json(tmp_path: Path, text: str, valid: bool, exit_code: int) -> None:
    """The same for programs."""
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    result = lint(str(path), "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == exit_code
    assert (answer["file"], answer["valid"]) == (str(path), valid)
    (problem,) = answer["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == (str(path), 5, 12)
    assert problem["severity"] == ("warning" if valid else "error")
    assert problem["source"].startswith("    enter: ")
    assert answer["segments"] == (["quiet"] if valid else [])
    assert (answer["fingerprint"] is not None) == valid


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Is a problem like any other."""
    result = lint(str(tmp_path / "rules.yaml"))
    assert result.exit_code == 2
    assert "cannot read the file: No such file or directory" in result.stdout
