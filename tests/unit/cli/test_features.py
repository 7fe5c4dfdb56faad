"""`streamproc features`."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from streamproc.cli.features import features_command, plain_lines, print_features
from streamproc.errors import StreamprocError
from streamproc.features.registry import FEATURES
from tests.unit.api.customers import SMALL_FILE

FUNNEL = "funnels:\n  - {key: onboarding, version: 1, steps: [A, B], within: 14d}\n"


def run(*arguments: str, rules: Path = SMALL_FILE) -> Result:
    """Of rules without funnels, unless others are given."""
    env = {"STREAMPROC_RULES": str(rules)}
    result = CliRunner().invoke(features_command, arguments, env=env)
    if isinstance(result.exception, StreamprocError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def names(result: Result) -> list[str]:
    return [line.split()[0] for line in result.stdout.splitlines()]


def test_in_a_pipe_every_feature_has_a_line() -> None:
    """In columns that `awk` and `grep` can use, without colours."""
    result = run()
    assert names(result) == list(FEATURES)
    assert "\x1b" not in result.stdout
    (line,) = plain_lines([FEATURES["orders_7d"]])
    assert line.split(maxsplit=4) == ["orders_7d", "count", "window", "yes", "orders in the last 7d"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["nps"], ["nps_recency", "nps"]),
        (["NPS"], ["nps_recency", "nps"]),
        (["nps", "--kind", "total"], ["nps"]),
        (["--kind", "relation"], ["trend", "app_share_30d", "preferred_channel"]),
    ],
)
def test_some_features(arguments: list[str], found: list[str]) -> None:
    assert names(run(*arguments)) == found


def test_funnels_of_a_rules_file(tmp_path: Path) -> None:
    """Named, or in STREAMPROC_RULES."""
    path = tmp_path / "rules.yaml"
    path.write_text(FUNNEL)
    of_funnel = [f"funnel_onboarding_{what}" for what in ("idle", "steps", "left")]
    assert names(run("funnel", "--rules", str(path))) == of_funnel
    assert names(run("funnel", rules=path)) == of_funnel


def test_json() -> None:
    (told,) = json.loads(run("sessions_7d", "--json").stdout)
    assert told == {
        "name": "sessions_7d",
        "unit": "count",
        "kind": "window",
        "meaning": "sessions started in the last 7d",
        "order_free": False,
        "window_ms": 7 * 86_400_000,
    }


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        (["recenzy"], "no feature has 'recenzy' in its name", "did you mean `recency`"),
        (
            ["recency", "--kind", "total"],
            "no feature of kind total has 'recency'",
            "leave out --kind: features of kind `age`",
        ),
        (["recenzy", "--kind", "age"], "no feature of kind age has 'recenzy'", "did you mean `recency`"),
        (["xyzzy"], "no feature has 'xyzzy'", "`streamproc features` lists all"),
    ],
)
def test_nothing_found(arguments: list[str], message: str, fix: str) -> None:
    """The nearest names are shown."""
    with pytest.raises(StreamprocError) as told:
        run(*arguments)
    assert message in told.value.message
    assert fix in told.value.fix


def test_on_a_terminal_windows_share_a_row() -> None:
    """Unless only one of them was found; each kind is a table of its own."""
    out = io.StringIO()
    found = [FEATURES[name] for name in ("recency", "orders_7d", "orders_30d", "money_7d")]
    print_features(Console(file=out, width=100, highlight=False), found)
    assert [" ".join(line.split()) for line in out.getvalue().splitlines()] == [
        "Ages: they grow in silence",
        "feature unit order-free is",
        "recency duration yes time since the last activity",
        "",
        "Windows: they shrink in silence",
        "feature unit order-free is windows",
        "orders_W count yes orders in the last W 7d, 30d",
        "money_7d money yes order value in the last 7d 7d",
        "",
    ]
