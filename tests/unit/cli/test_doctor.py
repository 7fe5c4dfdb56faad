"""`streamproc doctor`: how findings are printed, and the list of checks."""

from io import StringIO

from click.testing import CliRunner
from rich.console import Console

from streamproc.api.checkup import CHECKS, Finding
from streamproc.cli.doctor import as_dict, print_findings
from streamproc.cli.group import group

FINDINGS = [
    Finding("kafka.reach", "ok", "Kafka", "answers at k:9092"),
    Finding("topics.present", "wrong", "topics", "missing: [events.web]", "create them"),
    Finding("topics.retention", "warning", "events.app", "keeps records for 1.0 h only", "raise it"),
]


def test_findings_stand_under_their_area_with_their_fix() -> None:
    """Brackets in a text are text; the last line counts."""
    output = StringIO()
    print_findings(Console(file=output, width=200), FINDINGS)
    assert [line.rstrip() for line in output.getvalue().splitlines()] == [
        "Kafka",
        "  ok      Kafka: answers at k:9092",
        "Topics",
        "  wrong   topics: missing: [events.web]",
        "          fix: create them",
        "  warning events.app: keeps records for 1.0 h only",
        "          fix: raise it",
        "",
        "1 wrong, 1 to look at, 1 in order",
    ]


def test_every_area_has_a_heading() -> None:
    output = StringIO()
    print_findings(Console(file=output), [Finding(check, "ok", "it", "is well") for check in CHECKS])
    areas = {check.partition(".")[0] for check in CHECKS}
    assert sum(bool(line) and line[0] not in " 0123456789" for line in output.getvalue().splitlines()) == len(
        areas
    )


def test_checks_are_listed_without_servers() -> None:
    result = CliRunner().invoke(group, ["doctor", "--checks"])
    assert [line.split()[0] for line in result.output.splitlines()] == list(CHECKS)


def test_scripts_see_these_fields() -> None:
    """They are relied on."""
    assert list(as_dict(FINDINGS[0])) == ["check", "level", "about", "text", "fix"]
