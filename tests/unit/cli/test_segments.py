"""`streamproc segments`: what it prints, and its exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli.segments import segments_group
from streamproc.errors import StreamprocError
from streamproc.rules.cutoff_values import encode_cutoffs
from streamproc.rules.load import load_ruleset
from tests.unit.api.customers import SMALL_FILE
from tests.unit.rules.test_cutoffs import RULES, values

BAD = """\
segments:
  - key: quiet
    name: Quiet
    version: 1
    enter: recenzy > 14d
"""
DOUBTFUL = BAD.replace("recenzy > 14d", "recency > 14d and recency < 7d")
EXPLAINED = """\
active  Active  (lifecycle, priority 10; version 1)
  Came back at least once, and was here in the last two weeks.

Gets in, if
  all of these:
    - time since the last activity is at most 14d
    - number of days (UTC) with activity in the last 90d is at least 2

Stays, while
  time since the last activity is at most 30d

Leaves, if
  time since the last activity is more than 30d

With little history
  time since the last activity is at most 14d
      unknown as long as there was none
  number of days (UTC) with activity in the last 90d is at least 2
      that it holds can be known at once, that it does not only after 90d of history
  time since the last activity is more than 30d
      as long as there was none, the time since the customer was first seen counts

In silence
  somebody gets in, as
    new, which comes first, is left
        at once, for who fits here
  somebody leaves, as one of these comes true:
    time since the last activity is more than 30d
        30d after the last activity
    dormant, which comes first, is entered
        at once

Comes after
  new, dormant: who fits there, is there and not here
"""


def lint(*arguments: str, rules: Path | None = None) -> Result:
    env = {"STREAMPROC_RULES": str(rules) if rules else None}
    return CliRunner().invoke(segments_group, ["lint", *arguments], env=env)


def test_the_playbook_is_checked_by_default() -> None:
    """Without a file and without STREAMPROC_RULES."""
    result = lint()
    assert result.exit_code == 0
    rules = load_ruleset(None)
    size = f"{len(rules.segments)} segments and {len(rules.campaigns)} campaigns"
    assert result.stdout == f"playbook.yaml: no problems in {size}\n"


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


def run(*arguments: str, rules: Path | None = SMALL_FILE) -> Result:
    """`segments` with arguments; what it could not do is raised, as `main` sees it."""
    env = {"STREAMPROC_RULES": None if rules is None else str(rules)}
    result = CliRunner().invoke(segments_group, arguments, env=env)
    if isinstance(result.exception, StreamprocError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_list() -> None:
    """A block for each segment, in file order."""
    shown = run("list").stdout
    assert shown.startswith(
        "new  New  (lifecycle, priority 30; version 1)\n"
        "  First seen less than two weeks ago.\n"
        "  enter  tenure < 14d\n"
        "  exit   when enter no longer holds\n"
        "\n"
        "dormant  Dormant  (lifecycle, priority 20; version 1)\n"
    )
    assert "\ncart_abandoner  Cart abandoner  (version 1)\n" in shown
    assert len(json.loads(run("list", "--json").stdout)) == 7


def test_list_of_a_file_without_segments(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("currency: EUR")
    assert run("list", str(path)).stdout == "no segments\n"


def test_explain() -> None:
    assert run("explain", "active").stdout == EXPLAINED


def test_explain_without_an_exit_and_with_a_dwell() -> None:
    """Staying is not told twice; what waits for an entry is."""
    light, dormant = run("explain", "light").stdout, run("explain", "dormant").stdout
    assert "Stays, while\n  that holds\n" in light
    assert "  but not before 3d inside\n" in light
    assert "Entering asks for\n  winback_dormant (email): No visit for 30 days\n" in dormant
    assert "  nobody leaves\n" in dormant


def test_explain_nests_conditions(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        DOUBTFUL.replace("recency > 14d and recency < 7d", "tenure < 1d and (nps <= 6 or csat <= 2)")
    )
    assert (
        "Gets in, if\n"
        "  all of these:\n"
        "    - time since the customer was first seen is less than 1d\n"
        "    - one of these:\n"
        "        - the last answer to NPS, 0 to 10, is at most 6\n"
        "        - the last answer to CSAT, 1 to 5, is at most 2\n"
    ) in run("explain", "quiet", rules=path).stdout


def test_explain_as_json() -> None:
    explained = json.loads(run("explain", "new", "--json").stdout)
    assert explained["enters_if"] == "time since the customer was first seen is less than 14d"
    assert explained["in_silence"]["enter"] == []


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    """The nearest one is named, else all."""
    with pytest.raises(StreamprocError, match=r"small\.yaml has no segment 'dormnt'") as told:
        run("explain", "dormnt")
    assert told.value.fix == "did you mean `dormant`?"
    with pytest.raises(StreamprocError) as told:
        run("explain", "xyzzy")
    assert told.value.fix.startswith("there are `new`, `dormant`, ")
    with pytest.raises(StreamprocError, match=r"playbook\.yaml has no segment") as told:
        run("explain", "mine", rules=None)
    assert "streamproc segments explain KEY FILE" in told.value.fix


@pytest.mark.parametrize("command", [("list",), ("explain", "quiet")])
def test_a_file_with_mistakes(tmp_path: Path, command: tuple[str, ...]) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(BAD)
    with pytest.raises(StreamprocError, match="unknown feature `recenzy`"):
        run(*command, str(path))


def test_cutoffs_are_shown_with_name_and_value(tmp_path: Path) -> None:
    """By all three: the values of the file that is set, else the fixed ones."""
    path, made = tmp_path / "rules.yaml", tmp_path / "cutoffs.json"
    path.write_text(RULES)
    made.write_bytes(encode_cutoffs(values(heavy_use="9")))
    env = {"STREAMPROC_CUTOFFS": str(made)}
    linted, listed, explained = (
        CliRunner().invoke(segments_group, [*arguments, str(path)], env=env)
        for arguments in (["lint"], ["list"], ["explain", "heavy"])
    )
    assert "cut-off heavy_use: 9 (sampled; 80% of sessions_30d)\n" in linted.stdout
    assert "cut-off recent: 7d (fixed; 20% of recency)\n" in linted.stdout
    assert "  exit   sessions_30d < heavy_use.low (7) or (recency > recent.high (202h) and" in listed.stdout
    assert "number of sessions started in the last 30d is at least heavy_use (9)\n" in explained.stdout
    told = CliRunner().invoke(segments_group, ["lint", "--json", str(path)], env=env)
    assert json.loads(told.stdout)["cutoffs"]["heavy_use"]["value"] == "9"
