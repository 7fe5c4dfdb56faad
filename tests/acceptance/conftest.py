"""The long runs: `make acceptance`. They print a table of what they measured."""

import pytest

from tests.integration.conftest import installation

__all__ = ["installation"]

#: The columns of the table, as the tests name them with `record_property`.
COLUMNS = ("workers", "kills", "records", "signals", "repeats", "failed", "seconds", "records_per_s")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of all tests that recorded some, one test a line."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [(report.nodeid.rpartition("::")[2], dict(report.user_properties)) for report in reports]
    rows = [(name, figures) for name, figures in rows if figures]
    if not rows:
        return
    terminalreporter.section("figures")
    terminalreporter.write_line(f"{'':42}" + "".join(f"{name:>15}" for name in COLUMNS))
    for name, figures in rows:
        terminalreporter.write_line(f"{name:42}" + "".join(f"{figures.get(c, ''):>15}" for c in COLUMNS))
